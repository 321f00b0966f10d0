#include "learn/cartpole.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

#include "core/error.hpp"
#include "core/random.hpp"

namespace podium::learn {
namespace {

constexpr double kGravity = 9.8;                               // m/s²
constexpr double kCartMass = 1.0;                              // kg
constexpr double kPoleMass = 0.1;                              // kg
constexpr double kHalfLength = 0.5;                            // m
constexpr double kForce = 10.0;                                // N
constexpr double kStep = 0.02;                                 // s
constexpr double kFarthest = 2.4;                              // m
constexpr double kSteepest = 12 * 2 * std::numbers::pi / 360;  // rad

}  // namespace

CartPole::State CartPole::after(const State& state, int action) {
  const auto [x, x_dot, theta, theta_dot] = state;
  constexpr double mass = kCartMass + kPoleMass;
  constexpr double moment = kPoleMass * kHalfLength;
  const double force = action == 1 ? kForce : -kForce;
  const double cosine = std::cos(theta);
  const double sine = std::sin(theta);
  const double push = (force + moment * theta_dot * theta_dot * sine) / mass;
  const double theta_acc = (kGravity * sine - cosine * push) /
                           (kHalfLength * (4.0 / 3.0 - kPoleMass * cosine * cosine / mass));
  const double x_acc = push - moment * theta_acc * cosine / mass;
  return {x + kStep * x_dot, x_dot + kStep * x_acc, theta + kStep * theta_dot,
          theta_dot + kStep * theta_acc};
}

bool CartPole::fallen(const State& state) {
  return std::abs(state[0]) > kFarthest || std::abs(state[2]) > kSteepest;
}

void CartPole::reset(uint64_t seed, std::span<std::byte> observation) {
  Random random(seed, 0x706f6c65);
  for (double& value : state_) value = 0.1 * random.uniform() - 0.05;
  steps_ = 0;
  under_way_ = true;
  observe(observation);
}

Outcome CartPole::step(int action, std::span<std::byte> observation) {
  require(under_way_, "no episode is under way", "CartPole");
  require(action == 0 || action == 1, "an action that there is not", "CartPole");
  state_ = after(state_, action);
  ++steps_;
  observe(observation);
  Outcome outcome{1, Ending::none};
  if (fallen(state_)) {
    outcome.ending = Ending::terminal;
  } else if (steps_ == most_steps) {
    outcome.ending = Ending::truncated;
  }
  under_way_ = outcome.ending == Ending::none;
  return outcome;
}

void CartPole::observe(std::span<std::byte> observation) const {
  std::array<float, 4> seen{};
  std::ranges::transform(state_, seen.begin(), [](double v) { return static_cast<float>(v); });
  require(observation.size() == sizeof(seen), "room of another size", "CartPole");
  std::memcpy(observation.data(), seen.data(), sizeof(seen));
}

}  // namespace podium::learn
