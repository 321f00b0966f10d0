#include "train/model_snapshot.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "core/hash.hpp"

namespace podium::train {
namespace {

std::vector<uint64_t> to_unsigned(const std::vector<int64_t>& shape) {
  return {shape.begin(), shape.end()};
}

const ckpt::NamedBuffer& find_buffer(const ckpt::Snapshot& snapshot, const nn::BufferInfo& info,
                                     const std::string& where) {
  const auto found = std::ranges::find(snapshot.buffers, info.name, &ckpt::NamedBuffer::name);
  if (found == snapshot.buffers.end()) {
    throw data_error("there is no buffer '" + info.name + "'", where,
                     "the file holds another architecture");
  }
  if (found->shape != to_unsigned(info.shape) || found->values.size() != info.count) {
    throw data_error("the buffer '" + info.name + "' has another shape than the model's", where,
                     "the file holds another architecture");
  }
  return *found;
}

}  // namespace

ckpt::Snapshot snapshot_of(const nn::Model& model) {
  ckpt::Snapshot snapshot;
  snapshot.card["model"] = nn::to_json(model.card());
  for (const nn::BufferInfo& info : model.buffers()) {
    const std::span<const float> flat = info.statistic ? model.statistics() : model.parameters();
    const std::span<const float> values = flat.subspan(info.offset, info.count);
    snapshot.buffers.push_back(
        {info.name, to_unsigned(info.shape), std::vector<float>(values.begin(), values.end())});
  }
  return snapshot;
}

void restore(nn::Model& model, const ckpt::Snapshot& snapshot, const std::string& where) {
  for (const nn::BufferInfo& info : model.buffers()) {
    const ckpt::NamedBuffer& buffer = find_buffer(snapshot, info, where);
    const std::span<float> flat = info.statistic ? model.statistics() : model.parameters();
    std::ranges::copy(buffer.values, flat.begin() + static_cast<ptrdiff_t>(info.offset));
  }
}

std::string weights_xxh3(const nn::Model& model) {
  Xxh3Stream stream;
  stream.update(std::as_bytes(model.parameters()));
  stream.update(std::as_bytes(model.statistics()));
  return to_hex(stream.digest());
}

}  // namespace podium::train
