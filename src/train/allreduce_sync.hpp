// The two simplest GradientSyncs: none (one trainer), and AllReduce over a communicator.
#pragma once

#include <vector>

#include "comm/allreduce/allreduce.hpp"
#include "comm/communicator.hpp"
#include "train/gradient_sync.hpp"

namespace podium::train {

// For a trainer that is alone, or trains by itself on purpose (--train.sync=none).
class NoSync : public GradientSync {
 public:
  void combine(std::span<float> gradients, float weight) override;
  double exposed_seconds() const override { return 0; }
};

class AllReduceSync : public GradientSync {
 public:
  // Collective over `group`, which must outlive the object. Throws what comm::AllReduce throws.
  explicit AllReduceSync(comm::Communicator& group, const comm::AllReduceOptions& options = {})
      : allreduce_(group, options) {}

  void combine(std::span<float> gradients, float weight) override;
  double exposed_seconds() const override { return exposed_seconds_; }

 private:
  comm::AllReduce allreduce_;
  std::vector<float> residual_;  // of --comm.wire, for as many gradients as came
  double exposed_seconds_ = 0;
};

}  // namespace podium::train
