// StateMemory: where the newest state of a training run is kept beside the disk, for the start
// after a crash: in the memory of the trainers' own node (FolderMemory), or of other ranks.
//
// keep() may be called from another thread than the rest, but not at the same time.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "ckpt/store.hpp"

namespace podium::ckpt {

// A state that lies in somebody's memory.
struct StateOffer {
  int64_t step = 0;
  std::string where;               // for people
  std::function<Snapshot()> read;  // verified: throws data_error when it is damaged
};

class StateMemory {
 public:
  virtual ~StateMemory() = default;

  // Into how many parts `world` trainers divide a state for it.
  virtual int parts(int world) const = 0;
  // What is there. On the first trainer. Throws io_error when it cannot be used.
  virtual std::vector<StateOffer> offers() = 0;
  // Keeps one part; once all are there, the state before goes. Throws io_error when there is too
  // little memory.
  virtual void keep(const Marker& marker, int part, int parts, const nlohmann::ordered_json& card,
                    std::span<const NamedBuffer> buffers) = 0;
  // Forgets all. On the first trainer.
  virtual void clear() = 0;
};

// In a folder, which is a Store. `folder` makes it, when it is needed for the first time.
class FolderMemory : public StateMemory {
 public:
  explicit FolderMemory(std::function<std::filesystem::path()> folder)
      : folder_(std::move(folder)) {}

  int parts(int /*world*/) const override { return 1; }
  std::vector<StateOffer> offers() override;
  void keep(const Marker& marker, int part, int parts, const nlohmann::ordered_json& card,
            std::span<const NamedBuffer> buffers) override;
  void clear() override { store().clear(); }

 private:
  const Store& store();

  std::function<std::filesystem::path()> folder_;
  std::optional<Store> store_;
  int64_t step_ = -1;  // of which some parts are there
  std::set<int> arrived_;
};

}  // namespace podium::ckpt
