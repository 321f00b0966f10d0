// The two simplest GradientSyncs: none (one trainer), and AllReduce over a communicator.
#pragma once

#include <optional>
#include <vector>

#include "comm/allreduce/allreduce.hpp"
#include "comm/communicator.hpp"
#include "comm/overlapped_sum.hpp"
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

// In buckets that end where layers begin (comm/buckets.hpp), each as soon as it is ready.
class AllReduceSync : public GradientSync {
 public:
  // Collective over `group`, which must outlive the object. `layers` are the places where the
  // gradients of layers begin, ascending; none: gradients travel as a whole. Sums are spans of
  // `lane`. Throws what comm::AllReduce throws.
  explicit AllReduceSync(comm::Communicator& group, const comm::AllReduceOptions& options = {},
                         std::vector<size_t> layers = {},
                         comm::Overlap overlap = comm::Overlap::polling, Lane lane = {});

  void begin(std::span<float> gradients, float weight) override;
  void ready(size_t first) override;
  void finish() override;
  ExchangeTimes times() const override;

 private:
  comm::AllReduce allreduce_;
  std::vector<size_t> layers_;
  comm::Overlap overlap_;
  Lane lane_;
  size_t gradients_ = 0;                    // that the sum is made for
  std::optional<comm::OverlappedSum> sum_;  // from the first step on
};

}  // namespace podium::train
