// ImageBandit: a classifier that is told no labels. It sees an image, names a class, and is
// rewarded with 1 if that was right, else with 0. Every episode is one step.
//
// Which image of the training split comes is drawn by the episode's seed. Of the other splits it is
// the one of that number, so that as many episodes as there are images, from seed 0 on, see each
// once.
#pragma once

#include <memory>

#include "learn/environment.hpp"

namespace podium::learn {

class ImageBandit final : public Environment {
 public:
  // Throws usage_error for a split without images.
  ImageBandit(std::shared_ptr<io::Dataset> dataset, io::Split split);

  const EnvironmentInfo& info() const override { return info_; }
  void reset(uint64_t seed, std::span<std::byte> observation) override;
  Outcome step(int action, std::span<std::byte> observation) override;

 private:
  std::shared_ptr<io::Dataset> dataset_;
  io::Split split_;
  EnvironmentInfo info_;
  uint8_t label_ = 0;
  bool under_way_ = false;
};

}  // namespace podium::learn
