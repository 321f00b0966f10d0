#include "train/weight_average.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "core/error.hpp"

namespace podium::train {
namespace {

void approach(std::span<const float> weights, std::span<float> average, float share) {
  const float* __restrict from = weights.data();
  float* __restrict to = average.data();
  const size_t count = average.size();
#pragma omp simd
  for (size_t i = 0; i < count; ++i) to[i] += share * (from[i] - to[i]);
}

}  // namespace

WeightAverage::WeightAverage(const nn::Model& model, const WeightAverageOptions& options)
    : options_(options),
      parameters_(model.parameters().size()),
      statistics_(model.statistics().size()) {
  if (!(options.decay > 0 && options.decay < 1)) {
    throw usage_error("ema " + std::to_string(options.decay), "average of the weights",
                      "give a number above 0 and below 1");
  }
  if (options.every < 1) {
    throw usage_error("ema_every " + std::to_string(options.every), "average of the weights",
                      "give a positive number of steps");
  }
  std::ranges::copy(model.parameters(), parameters_.data());
  std::ranges::copy(model.statistics(), statistics_.data());
}

float WeightAverage::share(int64_t step, int64_t steps) const {
  if ((step + 1) % options_.every != 0) return 0;
  const double update = static_cast<double>((step + 1) / options_.every);
  const double full = std::pow(options_.decay, options_.every);
  const double of_run = static_cast<double>(step + 1) / static_cast<double>(steps);
  const double decay = options_.lookahead ? full * std::pow(of_run, 3)
                                          : std::min(full, (1 + update) / (10 + update));
  return static_cast<float>(1 - decay);
}

void WeightAverage::follow(nn::Model& model, int64_t step, int64_t steps) {
  const float share = this->share(step, steps);
  if (share == 0) return;
  approach(model.parameters(), parameters_.span(), share);
  approach(model.statistics(), statistics_.span(), share);
  if (!options_.lookahead) return;
  std::ranges::copy(parameters(), model.parameters().begin());
  std::ranges::copy(statistics(), model.statistics().begin());
}

void WeightAverage::swap(nn::Model& model) {
  std::ranges::swap_ranges(model.parameters(), parameters_.span());
  std::ranges::swap_ranges(model.statistics(), statistics_.span());
}

}  // namespace podium::train
