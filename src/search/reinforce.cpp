#include "search/reinforce.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "search/method_state.hpp"

namespace podium::search {
namespace {

const ReinforceOptions& checked(const ReinforceOptions& options) {
  if (!(options.baseline >= 0 && options.baseline < 1)) {
    throw usage_error("the baseline's weight of the past is no share", "search.baseline",
                      "give a number from 0 to below 1");
  }
  if (!(options.entropy >= 0) || !std::isfinite(options.entropy)) {
    throw usage_error("the weight of the entropy is no weight", "search.entropy",
                      "give 0 or a number above");
  }
  return options;
}

}  // namespace

Reinforce::Reinforce(const Space& space, ThetaStore& theta, const MethodOptions& options)
    : options_(checked(options.reinforce)),
      seed_(options.seed),
      replica_(options.replica),
      controller_(space, options_.controller),
      store_(theta),
      theta_(controller_.parameter_count()) {
  store_.pull(theta_);
  controller_.load(theta_);
}

std::vector<Choices> Reinforce::propose(size_t count) {
  store_.pull(theta_);
  controller_.load(theta_);
  std::vector<Choices> proposals;
  entropy_ = 0;
  for (size_t i = 0; i < count; ++i) {
    Random random(seed_, replica_, proposed_++);
    Judgement judgement;
    proposals.push_back(controller_.sample(random, &judgement));
    entropy_ += judgement.entropy / static_cast<double>(count);
  }
  return proposals;
}

void Reinforce::learn(std::span<const Sample> samples) {
  if (samples.empty()) return;
  const auto count = static_cast<double>(samples.size());
  double mean = 0;
  for (const Sample& sample : samples) mean += reward_of(sample) / count;
  if (!has_baseline_) baseline_ = mean;
  has_baseline_ = true;
  std::vector<double> ascent(controller_.parameter_count(), 0.0);
  for (const Sample& sample : samples) {
    controller_.add_gradient(sample.choices, (reward_of(sample) - baseline_) / count,
                             options_.entropy / count, ascent);
  }
  baseline_ = options_.baseline * baseline_ + (1 - options_.baseline) * mean;
  std::vector<float> gradient;
  gradient.reserve(ascent.size());
  for (const double slope : ascent) gradient.push_back(static_cast<float>(-slope));
  store_.push(gradient);
}

double Reinforce::reward_of(const Sample& sample) const {
  return options_.cubed ? sample.reward * sample.reward * sample.reward : sample.reward;
}

nlohmann::ordered_json Reinforce::state() const {
  return {{"method", "reinforce"},
          {"proposed", proposed_},
          {"has_baseline", has_baseline_},
          {"baseline", baseline_},
          {"theta", theta_}};
}

void Reinforce::resume(const nlohmann::ordered_json& state) {
  read_state(state, "reinforce", [&] {
    auto theta = state.at("theta").get<std::vector<float>>();
    const auto baseline = state.at("baseline").get<double>();
    if (theta.size() != theta_.size() || !std::isfinite(baseline)) return false;
    theta_ = std::move(theta);
    controller_.load(theta_);
    proposed_ = state.at("proposed").get<uint64_t>();
    has_baseline_ = state.at("has_baseline").get<bool>();
    baseline_ = baseline;
    return true;
  });
}

}  // namespace podium::search
