#include "search/theta_store.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/error.hpp"

namespace podium::search {

LocalTheta::LocalTheta(std::vector<float> initial, AdamOptions options)
    : options_(options),
      theta_(std::move(initial)),
      mean_(theta_.size(), 0.0F),
      variance_(theta_.size(), 0.0F) {}

void LocalTheta::pull(std::span<float> theta) {
  require(theta.size() == theta_.size(), "Θ is pulled by another controller", "search");
  std::ranges::copy(theta_, theta.begin());
}

void LocalTheta::push(std::span<const float> gradient) {
  require(gradient.size() == theta_.size(), "Θ is pushed to by another controller", "search");
  ++steps_;
  const auto steps = static_cast<double>(steps_);
  const double mean_scale = 1 / (1 - std::pow(options_.beta1, steps));
  const double variance_scale = 1 / (1 - std::pow(options_.beta2, steps));
  for (size_t i = 0; i < theta_.size(); ++i) {
    const double g = gradient[i];
    const double mean = options_.beta1 * mean_[i] + (1 - options_.beta1) * g;
    const double variance = options_.beta2 * variance_[i] + (1 - options_.beta2) * g * g;
    const double step =
        mean * mean_scale / (std::sqrt(variance * variance_scale) + options_.epsilon);
    mean_[i] = static_cast<float>(mean);
    variance_[i] = static_cast<float>(variance);
    theta_[i] = static_cast<float>(theta_[i] - options_.lr * step);
  }
}

nlohmann::ordered_json LocalTheta::state() const {
  return {{"steps", steps_}, {"theta", theta_}, {"mean", mean_}, {"variance", variance_}};
}

void LocalTheta::resume(const nlohmann::ordered_json& state) {
  try {
    LocalTheta read(state.at("theta").get<std::vector<float>>(), options_);
    read.mean_ = state.at("mean").get<std::vector<float>>();
    read.variance_ = state.at("variance").get<std::vector<float>>();
    read.steps_ = state.at("steps").get<int64_t>();
    if (read.theta_.size() == theta_.size() && read.mean_.size() == theta_.size() &&
        read.variance_.size() == theta_.size() && read.steps_ >= 0) {
      *this = std::move(read);
      return;
    }
  } catch (const nlohmann::json::exception&) {
    // Told below.
  }
  throw data_error("the state is not of these parameters", "state of a search",
                   "begin the search anew, or give the options it was begun with");
}

}  // namespace podium::search
