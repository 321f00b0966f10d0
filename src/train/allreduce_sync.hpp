// The two simplest GradientSyncs: none (one trainer), and ring AllReduce over a communicator.
#pragma once

#include <vector>

#include "comm/communicator.hpp"
#include "train/gradient_sync.hpp"

namespace podium::train {

// For a trainer that is alone, or trains by itself on purpose (--train.sync=none).
class NoSync : public GradientSync {
 public:
  void combine(std::span<float> gradients, float weight) override;
  double exposed_seconds() const override { return 0; }
};

// Keeps its scratch space between steps; allocates only when the model grows.
class AllReduceSync : public GradientSync {
 public:
  // `group` must outlive the object.
  explicit AllReduceSync(comm::Communicator& group) : group_(group) {}

  void combine(std::span<float> gradients, float weight) override;
  double exposed_seconds() const override { return exposed_seconds_; }

 private:
  comm::Communicator& group_;
  std::vector<float> scratch_;
  double exposed_seconds_ = 0;
};

}  // namespace podium::train
