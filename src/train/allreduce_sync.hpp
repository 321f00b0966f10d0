// The two simplest GradientSyncs: none (one trainer), and AllReduce over a communicator.
#pragma once

#include "comm/allreduce/allreduce.hpp"
#include "comm/communicator.hpp"
#include "train/gradient_sync.hpp"

namespace podium::train {

// For a trainer that is alone, or trains by itself on purpose (--train.sync=none).
class NoSync : public GradientSync {
 public:
  void begin(std::span<float> gradients, float weight) override;
  void ready(size_t) override {}
  void finish() override;
  ExchangeTimes times() const override { return {}; }

 private:
  std::span<float> gradients_;  // of the step under way
  float weight_ = 1;
};

class AllReduceSync : public GradientSync {
 public:
  // Collective over `group`, which must outlive the object. Throws what comm::AllReduce throws.
  explicit AllReduceSync(comm::Communicator& group, const comm::AllReduceOptions& options = {})
      : allreduce_(group, options) {}

  void begin(std::span<float> gradients, float weight) override;
  void ready(size_t) override {}
  void finish() override;
  ExchangeTimes times() const override { return times_; }

 private:
  comm::AllReduce allreduce_;
  std::span<float> gradients_;  // of the step under way
  float weight_ = 1;
  ExchangeTimes times_;
};

}  // namespace podium::train
