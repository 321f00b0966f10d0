// REINFORCE (Williams 1992) as Zoph & Le 2016 use it: the controller's parameters go up the
// gradient of the expected reward.
//
//   1/m sum over the m samples of (R - b) grad log p(sample) + entropy weight * grad entropy
//
// R is the accuracy, or its cube; b the moving average of the rewards before these samples, which
// begins as the mean of the first ones. The gradient is that at the Θ the last proposals were drawn
// from: others who push meanwhile make it late, not wrong in itself.
#pragma once

#include <vector>

#include "search/method.hpp"

namespace podium::search {

class Reinforce final : public Method {
 public:
  // All references outlive it. Throws usage_error.
  Reinforce(const Space& space, ThetaStore& theta, const MethodOptions& options);

  std::vector<Choices> propose(size_t count) override;
  void learn(std::span<const Sample> samples) override;
  double entropy() const override { return entropy_; }
  nlohmann::ordered_json state() const override;
  void resume(const nlohmann::ordered_json& state) override;

 private:
  double reward_of(const Sample& sample) const;

  ReinforceOptions options_;
  uint64_t seed_;
  uint64_t replica_;
  Controller controller_;
  ThetaStore& store_;
  std::vector<float> theta_;  // as last pulled
  uint64_t proposed_ = 0;
  bool has_baseline_ = false;
  double baseline_ = 0;
  double entropy_ = 0;
};

}  // namespace podium::search
