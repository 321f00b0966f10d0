#include "learn/policy.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "core/random.hpp"
#include "learn/softmax.hpp"

namespace podium::learn {
namespace {

constexpr float kFirstLogits =
    0.01F;  // the weights of the last layer are so much smaller than usual

NetworkOptions network_options(const EnvironmentInfo& info, const PolicyOptions& options) {
  return {"policy",           options.architecture, info.actions,    options.action_names,
          options.preprocess, options.block,        options.threads, options.device};
}

}  // namespace

Policy::Policy(const EnvironmentInfo& info, const PolicyOptions& options, uint64_t seed)
    : network_(info, network_options(info, options), seed) {
  const std::vector<nn::BufferInfo>& all = network_.model().buffers();
  const auto last = std::find_if(
      all.rbegin(), all.rend(), [](const nn::BufferInfo& b) { return b.name.ends_with("weight"); });
  require(last != all.rend(), "no weights", "Policy");
  for (float& weight : network_.parameters().subspan(last->offset, last->count)) {
    weight *= kFirstLogits;
  }
}

void Policy::act(std::span<const std::byte> observations, uint64_t seed, std::span<int32_t> actions,
                 std::span<float> log_probability) {
  require(log_probability.size() == actions.size(), "no room for probabilities", "Policy");
  const std::span<const float> logits = this->logits(observations, actions.size());
  const size_t count = network_.outputs();
  for (size_t row = 0; row < actions.size(); ++row) {
    const std::span<const float> of_row = logits.subspan(row * count, count);
    const double log_sum = log_sum_exp(of_row);
    actions[row] = draw_action(of_row, log_sum, Random(seed, row).uniform());
    log_probability[row] = log_probability_of(of_row, log_sum, actions[row]);
  }
}

void Policy::act_greedily(std::span<const std::byte> observations, std::span<int32_t> actions) {
  const std::span<const float> logits = this->logits(observations, actions.size());
  const size_t count = network_.outputs();
  for (size_t row = 0; row < actions.size(); ++row) {
    const std::span<const float> of_row = logits.subspan(row * count, count);
    actions[row] = static_cast<int32_t>(std::ranges::max_element(of_row) - of_row.begin());
  }
}

void Policy::judge(std::span<const std::byte> observations, std::span<const int32_t> actions,
                   std::span<float> log_probability) {
  require(log_probability.size() == actions.size(), "no room for probabilities", "Policy");
  const std::span<const float> logits = this->logits(observations, actions.size());
  const size_t count = network_.outputs();
  for (size_t row = 0; row < actions.size(); ++row) {
    const std::span<const float> of_row = logits.subspan(row * count, count);
    log_probability[row] = log_probability_of(of_row, log_sum_exp(of_row), actions[row]);
  }
}

std::span<const float> Policy::logits(std::span<const std::byte> observations, size_t rows) {
  logits_.resize(std::max(logits_.size(), rows * network_.outputs()));
  const std::span<float> logits = std::span(logits_).first(rows * network_.outputs());
  network_.compute(observations, logits);
  return logits;
}

}  // namespace podium::learn
