// WeightsRoad: how new weights of the policy come from the trainers to the explorers.
//
// Two roads: direct (trainers write them where the explorers of the node map them, other nodes get
// them by a broadcast over MPI or NCCL) and checkpoint (the checkpoint engine holds them; explorers
// are its workers). Either way an explorer is told by an event, never by polling, and takes weights
// between two rollouts only.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <utility>

#include "learn/experience.hpp"

namespace podium::learn {

// The trainers' side, on the leading trainer.
class WeightsOut {
 public:
  virtual ~WeightsOut() = default;
  // Returns when explorers can take them; those that take older ones are not disturbed.
  virtual void publish(const Version& version, std::span<const float> parameters) = 0;
  // What an explorer is told to find the road.
  virtual nlohmann::ordered_json ticket() const = 0;
};

// The explorers' side.
class WeightsIn {
 public:
  virtual ~WeightsIn() = default;
  // Fills `parameters` with `version` or newer, and returns which. Throws unavailable_error when
  // they do not come within `limit`.
  virtual Version take(const Version& version, std::span<float> parameters,
                       std::chrono::milliseconds limit) = 0;

  // Called now and again while they do not come; what it throws ends the wait.
  void set_waiting(std::function<void()> waiting) { waiting_ = std::move(waiting); }

 protected:
  void wait_on() const {
    if (waiting_) waiting_();
  }

 private:
  std::function<void()> waiting_;
};

}  // namespace podium::learn
