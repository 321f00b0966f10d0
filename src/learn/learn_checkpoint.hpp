// LearnCheckpoint: what learning goes on from: the trainers' state, the weights that explorers
// have, the buffer and the pace.
//
//   FOLDER/NUMBER/learner.h5   networks, optimizers, and the weights that were published last
//   FOLDER/NUMBER/buffer.h5    what waits to be trained on
//   FOLDER/NUMBER/desk.json    the pace, and what was counted
//   FOLDER/current.json        which NUMBER counts, and what it is of: written last
//
// What a writer that was killed left behind goes with the next save.
//
// Threads: belongs to the leading trainer's thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "ckpt/snapshot.hpp"
#include "core/log.hpp"
#include "learn/hub.hpp"
#include "learn/learner.hpp"

namespace podium::learn {

class LearnCheckpoint {
 public:
  using Json = nlohmann::ordered_json;

  // `identity` is what must be equal to go on.
  LearnCheckpoint(std::filesystem::path folder, Json identity, Log log);

  // The newest state, read and verified; empty when there is none. One of something else is set
  // aside, with a warning. Throws io_error, data_error.
  std::optional<ckpt::Snapshot> find();
  // The rest of what find() found. REQUIRES: no explorer has come.
  void restore(Hub& hub) const;
  // The weights that explorers had.
  static std::vector<float> published(const ckpt::Snapshot& state);

  // Seconds that learning had taken.
  static double seconds(const ckpt::Snapshot& state) { return state.card.value("seconds", 0.0); }

  // Throws io_error.
  void save(const Hub& hub, Learner& learner, double seconds);
  // Learning has ended.
  void clear() const noexcept;

 private:
  std::filesystem::path part(uint64_t number) const;

  std::filesystem::path folder_;
  Json identity_;
  Log log_;
  uint64_t number_ = 0;  // of the newest
};

}  // namespace podium::learn
