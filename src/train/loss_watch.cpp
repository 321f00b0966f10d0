#include "train/loss_watch.hpp"

#include <bit>
#include <cmath>
#include <utility>

#include "core/text.hpp"

namespace podium::train {

LossWatch::LossWatch(int classes) : limit_(100 * std::log(static_cast<double>(classes))) {}

void LossWatch::record(int64_t step, double learning_rate, double loss_sum, double images_of_all) {
  sums_.push_back(loss_sum);
  steps_.push_back({step, learning_rate, images_of_all});
}

std::optional<Divergence> LossWatch::judge(bool weights_finite) {
  const std::vector<double> sums = std::exchange(sums_, {});
  const std::vector<Recorded> steps = std::exchange(steps_, {});
  for (size_t i = 0; i < steps.size(); ++i) {
    const double loss = sums[i] / steps[i].images;
    if (!std::isfinite(loss)) {
      return Divergence{"the loss is no longer a finite number", steps[i].step,
                        steps[i].learning_rate};
    }
    above_ = loss > limit_ ? above_ + 1 : 0;
    if (above_ < window) continue;
    return Divergence{
        format("the loss has exploded: %.3g, where guessing gives %.3g", loss, limit_ / 100),
        steps[i].step, steps[i].learning_rate};
  }
  if (weights_finite || steps.empty()) return {};
  return Divergence{"the weights are no longer finite numbers", steps.back().step,
                    steps.back().learning_rate};
}

bool all_finite(std::span<const float> values) {
  constexpr uint32_t exponent = 0x7f800000;  // all ones: infinite or not a number
  uint32_t bad = 0;
  const float* from = values.data();
  const size_t count = values.size();
#pragma omp simd reduction(| : bad)
  for (size_t i = 0; i < count; ++i) {
    const uint32_t bits = std::bit_cast<uint32_t>(from[i]);
    bad |= (bits & exponent) == exponent ? 1U : 0U;
  }
  return bad == 0;
}

}  // namespace podium::train
