// Objective: how good what a policy does is, and which way its logits and the critic's values are
// to go. Pure arithmetic on one batch of experiences.
//
//   reinforce      Williams 1992, with a baseline
//   ppo            clipped surrogate, Schulman et al. 2017
//   decoupled_ppo  clip against a proximal policy other than the behaviour's, Hilton et al. 2022
//   vtrace         Espeholt et al. 2018
#pragma once

#include <memory>
#include <span>
#include <string>

#include "learn/experience.hpp"

namespace podium::learn {

struct ObjectiveOptions {
  std::string name = "ppo";
  double discount = 0.99;
  double gae_lambda = 0.95;
  double clip = 0.2;
  double entropy = 0.0;       // share of the entropy's gradient
  double critic_share = 0.5;  // of the critic's loss
  double rho_most = 1.0;      // vtrace: truncation of importance weights
  double c_most = 1.0;
};

// B experiences of T steps, step by step of each: row b*T+t.
struct ObjectiveBatch {
  int experiences = 0;                              // B
  int steps = 0;                                    // T
  int actions = 0;                                  // A
  std::span<const float> logits;                    // [B*T,A] of the policy as it is now
  std::span<const float> values;                    // [B*T] of the critic now; empty: none
  std::span<const float> last_values;               // [B] of the observations behind the last steps
  std::span<const float> proximal_log_probability;  // [B*T] at the start of the batch's updates
  std::span<const float> behaviour_log_probability;  // [B*T]
  std::span<const int32_t> taken;                    // [B*T]
  std::span<const float> rewards;                    // [B*T]
  std::span<const Ending> ends;                      // [B*T]
};

struct ObjectiveResult {
  double loss = 0;
  double entropy = 0;          // mean, nats
  double kl = 0;               // mean, of the behaviour to the policy now
  double clipped_share = 0;    // of the steps
  double mean_importance = 0;  // of pi now to behaviour
};

class Objective {
 public:
  virtual ~Objective() = default;
  // Writes d(mean loss)/d(logits) [B*T,A] and d(mean loss)/d(values) [B*T], empty without a critic.
  virtual ObjectiveResult gradient(const ObjectiveBatch& batch, std::span<float> logits_gradient,
                                   std::span<float> values_gradient) = 0;
  virtual bool wants_critic() const = 0;
};

// Throws usage_error for an unknown name.
std::unique_ptr<Objective> make_objective(const ObjectiveOptions& options);

}  // namespace podium::learn
