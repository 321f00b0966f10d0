// PsSync: gradients that meet on parameter servers (--ps.consistency=bsp).
//
// In each step every trainer pushes its weighted gradients, layer by layer while the backward pass
// goes on, and pulls their sum, which the servers add up in the order of the trainers' ranks. So
// all trainers get equal bits, the same whenever a message came, and what AllReduce would give, to
// rounding. The optimizer, and with it all that a checkpoint holds, stays with the trainers.
#pragma once

#include "train/gradient_sync.hpp"
#include "train/ps_client.hpp"

namespace podium::train {

class PsSync final : public GradientSync {
 public:
  // Starts the servers at the first step. `client` must outlive the object.
  explicit PsSync(PsClient& client) : client_(client) {}

  void begin(std::span<float> gradients, float weight) override;
  void ready(size_t first) override;
  void finish() override;
  ExchangeTimes times() const override { return client_.times(); }

 private:
  PsClient& client_;
  std::span<float> gradients_;  // of the step under way
  float weight_ = 1;
  size_t weighted_from_ = 0;
};

}  // namespace podium::train
