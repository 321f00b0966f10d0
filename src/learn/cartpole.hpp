// CartPole: a pole that is to be kept upright on a cart by pushing the cart left or right.
//
// Barto, Sutton & Anderson 1983, with the constants, the limits and the Euler integration of OpenAI
// Gym's CartPole-v1, computed in double: 1 for every step, also the last; terminal when the cart is
// more than 2.4 m away or the pole leans more than 12 degrees; truncated after 500 steps.
// Observation: position (m), velocity (m/s), angle (rad), angular velocity (rad/s).
#pragma once

#include <array>

#include "learn/environment.hpp"

namespace podium::learn {

class CartPole final : public Environment {
 public:
  static constexpr int most_steps = 500;
  using State = std::array<double, 4>;

  const EnvironmentInfo& info() const override { return info_; }
  // All four uniform in [-0.05, 0.05).
  void reset(uint64_t seed, std::span<std::byte> observation) override;
  Outcome step(int action, std::span<std::byte> observation) override;

  // The state one step after `state`; action 0 pushes left, 1 right.
  static State after(const State& state, int action);
  static bool fallen(const State& state);

 private:
  void observe(std::span<std::byte> observation) const;

  EnvironmentInfo info_{"cartpole", ObservationType::vector, {1, 1, 4}, 2, 475};
  State state_{};
  int steps_ = 0;
  bool under_way_ = false;
};

}  // namespace podium::learn
