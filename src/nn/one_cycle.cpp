#include "nn/one_cycle.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>

#include "core/error.hpp"

namespace podium::nn {
namespace {

double cosine_ramp(double from, double to, double share) {
  return to + (from - to) * 0.5 * (1.0 + std::cos(std::numbers::pi * share));
}

}  // namespace

OneCycle::OneCycle(double peak_lr, int64_t total_steps, OneCycleOptions options)
    : peak_(peak_lr), last_step_(total_steps - 1), options_(options) {
  if (!(peak_lr > 0) || !std::isfinite(peak_lr)) {
    throw usage_error("peak learning rate " + std::to_string(peak_lr), "one-cycle schedule",
                      "give a positive number");
  }
  if (total_steps < 1) {
    throw usage_error("schedule of " + std::to_string(total_steps) + " steps", "one-cycle schedule",
                      "train for at least one step");
  }
  if (!(options.warmup_share >= 0 && options.warmup_share < 1)) {
    throw usage_error("warm-up share " + std::to_string(options.warmup_share), "one-cycle schedule",
                      "give a number from 0 to below 1");
  }
}

double OneCycle::at(int64_t step) const {
  const double now = static_cast<double>(std::clamp<int64_t>(step, 0, last_step_));
  const double last = static_cast<double>(last_step_);
  const double summit = std::max(0.0, options_.warmup_share * (last + 1) - 1);
  if (now < summit) return cosine_ramp(peak_ * options_.start_factor, peak_, now / summit);
  if (last <= summit) return peak_;
  return cosine_ramp(peak_, peak_ * options_.end_factor, (now - summit) / (last - summit));
}

}  // namespace podium::nn
