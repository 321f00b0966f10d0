#include "train/loss_watch.hpp"

#include <bit>
#include <cmath>

#include "core/error.hpp"
#include "core/text.hpp"

namespace podium::train {

LossWatch::LossWatch(int classes) : limit_(100 * std::log(static_cast<double>(classes))) {}

void LossWatch::record(int64_t step, double learning_rate, double loss_sum, double images_of_all) {
  require(count_ < window, "trainers did not agree on their losses in time", "LossWatch::record");
  steps_[count_] = step;
  learning_rates_[count_] = learning_rate;
  sums_[count_] = loss_sum;
  images_[count_] = images_of_all;
  ++count_;
}

std::optional<Divergence> LossWatch::judge(bool weights_finite) {
  const size_t recorded = count_;
  count_ = 0;
  for (size_t i = 0; i < recorded; ++i) {
    const double loss = sums_[i] / images_[i];
    if (!std::isfinite(loss)) {
      return Divergence{"the loss is no longer a finite number", steps_[i], learning_rates_[i]};
    }
    above_ = loss > limit_ ? above_ + 1 : 0;
    if (above_ < window) continue;
    return Divergence{
        format("the loss has exploded: %.3g, where guessing gives %.3g", loss, limit_ / 100),
        steps_[i], learning_rates_[i]};
  }
  if (weights_finite || recorded == 0) return {};
  return Divergence{"the weights are no longer finite numbers", steps_[recorded - 1],
                    learning_rates_[recorded - 1]};
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
