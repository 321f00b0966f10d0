#include "learn/objective.hpp"

#include <algorithm>
#include <cmath>

#include "core/error.hpp"
#include "learn/softmax.hpp"
#include "learn/targets.hpp"

namespace podium::learn {
namespace {

// -A log pi(a)
class Reinforce final : public Objective {
 public:
  using Objective::Objective;
  Targets targets(const Trajectories& batch) const override {
    return return_targets(batch, options().discount);
  }

 private:
  Slope slope(const Step& step) const override {
    return {-step.advantage * step.log_probability, -step.advantage, false};
  }
};

// -w min(r A, clip(r) A), where r is the ratio to the policy that clips, and w that of it to the
// behaviour.
class ClippedSurrogate final : public Objective {
 public:
  ClippedSurrogate(const ObjectiveOptions& options, bool decoupled)
      : Objective(options), decoupled_(decoupled) {}
  Targets targets(const Trajectories& batch) const override {
    return gae_targets(batch, options().discount, options().gae_lambda);
  }
  bool wants_proximal() const override { return decoupled_; }

 private:
  Slope slope(const Step& step) const override {
    const double anchor = decoupled_ ? step.proximal : step.behaviour;
    const double weight = decoupled_ ? std::exp(step.proximal - step.behaviour) : 1;
    const double ratio = std::exp(step.log_probability - anchor);
    const double clip = options().clip;
    const double free = ratio * step.advantage;
    const double held = std::clamp(ratio, 1 - clip, 1 + clip) * step.advantage;
    // Where both are the same the free one counts: its slope is that of either side's limit.
    const bool clipped = held < free;
    return {-weight * std::min(free, held), clipped ? 0 : -weight * free, clipped};
  }

  bool decoupled_;
};

// -min(rho, pi/mu) A log pi(a), where the weight is taken as given.
class Vtrace final : public Objective {
 public:
  using Objective::Objective;
  Targets targets(const Trajectories& batch) const override {
    return vtrace_targets(batch, options().discount, options().rho_most, options().c_most);
  }
  bool wants_proximal() const override { return true; }

 private:
  Slope slope(const Step& step) const override {
    const double ratio = std::exp(step.log_probability - step.behaviour);
    const double weight = std::min(options().rho_most, ratio);
    return {-weight * step.advantage * step.log_probability, -weight * step.advantage,
            ratio > options().rho_most};
  }
};

void check(const ObjectiveOptions& options) {
  const auto within = [&](double value, double most, const char* key) {
    if (value >= 0 && value <= most) return;
    throw usage_error(std::string(key) + " is out of range", "--learn." + std::string(key),
                      "give a number from 0 to " + std::to_string(static_cast<int>(most)));
  };
  within(options.discount, 1, "discount");
  within(options.gae_lambda, 1, "gae_lambda");
  within(options.clip, 1, "clip");
  within(options.entropy, 1000, "entropy");
  within(options.rho_most, 1000, "rho_most");
  within(options.c_most, 1000, "c_most");
}

}  // namespace

ObjectiveSums Objective::gradient(const Rows& rows, double share,
                                  std::span<float> logits_gradient) const {
  const auto actions = static_cast<size_t>(rows.actions);
  const size_t count = rows.taken.size();
  require(rows.logits.size() == count * actions && logits_gradient.size() == count * actions &&
              rows.behaviour_log_probability.size() == count &&
              rows.proximal_log_probability.size() == count && rows.advantages.size() == count,
          "rows of different numbers", "Objective");
  ObjectiveSums sums;
  std::vector<double> logs(actions);
  for (size_t row = 0; row < count; ++row) {
    const std::span<const float> logits = rows.logits.subspan(row * actions, actions);
    const double log_sum = log_sum_exp(logits);
    double entropy = 0;
    for (size_t a = 0; a < actions; ++a) {
      logs[a] = logits[a] - log_sum;
      entropy -= std::exp(logs[a]) * logs[a];
    }
    const int32_t taken = rows.taken[row];
    // Rounded as the behaviour's was: equal weights give a ratio of 1.
    const Step step{log_probability_of(logits, log_sum, taken), rows.behaviour_log_probability[row],
                    rows.proximal_log_probability[row], rows.advantages[row]};
    const Slope slope = this->slope(step);
    for (size_t a = 0; a < actions; ++a) {
      const double p = std::exp(logs[a]);
      const double by_logit = (a == static_cast<size_t>(taken) ? 1 : 0) - p;
      const double of_entropy = -p * (logs[a] + entropy);
      logits_gradient[row * actions + a] = static_cast<float>(
          share * (slope.by_log_probability * by_logit - options_.entropy * of_entropy));
    }
    const double apart = step.log_probability - step.behaviour;
    sums.loss += slope.loss - options_.entropy * entropy;
    sums.entropy += entropy;
    sums.kl += std::expm1(apart) - apart;
    sums.clipped += slope.clipped ? 1 : 0;
    sums.importance += std::exp(apart);
  }
  return sums;
}

double critic_loss(std::span<const float> values, std::span<const float> targets, double share,
                   std::span<float> gradient) {
  require(values.size() == targets.size() && gradient.size() == values.size(),
          "values of different numbers", "critic_loss");
  double loss = 0;
  for (size_t row = 0; row < values.size(); ++row) {
    const double error = double{values[row]} - double{targets[row]};
    loss += 0.5 * error * error;
    gradient[row] = static_cast<float>(share * error);
  }
  return loss;
}

bool needs_critic(const std::string& objective) {
  return objective != "reinforce";
}

std::unique_ptr<Objective> make_objective(const ObjectiveOptions& options) {
  check(options);
  if (options.name == "reinforce") return std::make_unique<Reinforce>(options);
  if (options.name == "ppo") return std::make_unique<ClippedSurrogate>(options, false);
  if (options.name == "decoupled_ppo") return std::make_unique<ClippedSurrogate>(options, true);
  if (options.name == "vtrace") return std::make_unique<Vtrace>(options);
  throw usage_error("unknown objective '" + options.name + "'", "--learn.objective",
                    "use reinforce, ppo, decoupled_ppo or vtrace");
}

}  // namespace podium::learn
