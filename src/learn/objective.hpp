// Objective: how good what a policy does is, and which way its logits and the critic's values are
// to go. Pure arithmetic, in double.
//
//   reinforce      Williams 1992, with a baseline: the critic's value, or the mean of the batch
//   ppo            clipped surrogate, Schulman et al. 2017, with GAE, Schulman et al. 2016
//   decoupled_ppo  the same, clipped against the policy at the start of the batch's updates instead
//                  of the behaviour's, Hilton et al. 2022
//   vtrace         Espeholt et al. 2018
//
// Once a batch, targets() judges whole experiences: how much better each step was than expected,
// and what the critic should have foretold. Then, update by update, gradient() goes through rows of
// any order. A truncated step is taken as if what would have come were worth what its own
// observation is: the one behind it was not kept.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "learn/experience.hpp"

namespace podium::learn {

struct ObjectiveOptions {
  std::string name = "ppo";
  double discount = 0.99;
  double gae_lambda = 0.95;  // ppo, decoupled_ppo
  double clip = 0.2;         // likewise
  double entropy = 0.0;      // what a nat of entropy is worth
  double rho_most = 1.0;     // vtrace: truncation of importance weights
  double c_most = 1.0;
  bool normalise = true;  // advantages, over the batch: mean 0 and deviation 1
};

// B experiences of T steps, step by step of each: row b*T+t. All by the weights at the start of the
// batch's updates.
struct Trajectories {
  int experiences = 0;                              // B
  int steps = 0;                                    // T
  std::span<const float> values;                    // [B*T] of the critic; empty: there is none
  std::span<const float> last_values;               // [B] of the observations behind the last steps
  std::span<const float> proximal_log_probability;  // [B*T]
  std::span<const float> behaviour_log_probability;  // [B*T]
  std::span<const float> rewards;                    // [B*T]
  std::span<const Ending> ends;                      // [B*T]
};

struct Targets {
  std::vector<float> advantages;  // [B*T]
  std::vector<float> values;      // [B*T], empty without a critic
};

// N steps as they are now.
struct Rows {
  int actions = 0;                                   // A
  std::span<const float> logits;                     // [N,A] of the policy
  std::span<const int32_t> taken;                    // [N]
  std::span<const float> behaviour_log_probability;  // [N]
  std::span<const float> proximal_log_probability;   // [N]
  std::span<const float> advantages;                 // [N]
};

// Sums over rows.
struct ObjectiveSums {
  double loss = 0;        // of the policy, less the worth of its entropy
  double entropy = 0;     // nats
  double kl = 0;          // of the behaviour to the policy now, by Schulman's k3
  double clipped = 0;     // rows
  double importance = 0;  // of the policy now to the behaviour
};

class Objective {
 public:
  explicit Objective(const ObjectiveOptions& options) : options_(options) {}
  virtual ~Objective() = default;

  virtual Targets targets(const Trajectories& batch) const = 0;
  // Whether it looks at proximal log probabilities: else they may be anything.
  virtual bool wants_proximal() const { return false; }

  // Writes `share` times d(sum of the losses)/d(logits) [N,A].
  ObjectiveSums gradient(const Rows& rows, double share, std::span<float> logits_gradient) const;

  const ObjectiveOptions& options() const { return options_; }

 protected:
  // Of one step, whose log probabilities are given.
  struct Step {
    double log_probability = 0;  // now
    double behaviour = 0;
    double proximal = 0;
    double advantage = 0;
  };
  struct Slope {
    double loss = 0;
    double by_log_probability = 0;  // d(loss)/d(log_probability)
    bool clipped = false;
  };
  virtual Slope slope(const Step& step) const = 0;

 private:
  const ObjectiveOptions options_;
};

// Half the squared error of the critic, summed. Writes `share` times its gradient [N].
double critic_loss(std::span<const float> values, std::span<const float> targets, double share,
                   std::span<float> gradient);

// Throws usage_error for an unknown name and for numbers that make no sense.
std::unique_ptr<Objective> make_objective(const ObjectiveOptions& options);

// Whether it cannot do without a critic.
bool needs_critic(const std::string& objective);

}  // namespace podium::learn
