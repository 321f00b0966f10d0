#include "ckpt/state_memory.hpp"

namespace podium::ckpt {

const Store& FolderMemory::store() {
  if (!store_) store_.emplace(folder_());
  store_->open();
  return *store_;
}

std::vector<StateOffer> FolderMemory::offers() {
  const Store& found = store();
  std::vector<StateOffer> offers;
  for (const int64_t step : found.steps()) {
    offers.push_back(
        {step, found.marker_path(step).string(), [this, step] { return store_->read(step); }});
  }
  return offers;
}

void FolderMemory::keep(const Marker& marker, int part, int parts,
                        const nlohmann::ordered_json& card, std::span<const NamedBuffer> buffers) {
  const Store& to = store();
  to.write_part(marker.step, part, parts, card, buffers);
  if (marker.step != step_) arrived_.clear();
  step_ = marker.step;
  arrived_.insert(part);
  if (arrived_.size() < static_cast<size_t>(parts)) return;
  arrived_.clear();
  to.seal(marker, parts);
  to.retain({1, false, {}});
}

}  // namespace podium::ckpt
