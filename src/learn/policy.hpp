// Policy: a network whose outputs are the logits of actions, and, where the objective wants one, a
// critic: a network of its own that foretells returns. The policy alone goes to explorers, and is a
// classifier like any other: it can be served.
//
// Explorers and trainers compute it the same way, so that at equal weights and rows the logits have
// equal bits; an architecture that computes differently in training and in use (bn, dropout) is
// refused with usage_error.
//
// Threads: an object belongs to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/device_choice.hpp"
#include "learn/environment.hpp"
#include "nn/model.hpp"

namespace podium::learn {

struct PolicyOptions {
  std::string architecture;         // of the policy; its last layer is `dense classes`
  std::string critic_architecture;  // empty: no critic; ends in `dense classes` too
  nn::Preprocess preprocess;        // for images
  std::vector<std::string> action_names;
  int max_rows = 256;  // of a call
  int threads = 1;
  DeviceChoice device;
};

class Policy {
 public:
  Policy(const EnvironmentInfo& info, const PolicyOptions& options, uint64_t seed);
  ~Policy();
  Policy(Policy&&) noexcept;

  // For explorers: probabilities [N,actions] of observations [N, observation bytes], and draws an
  // action of each by `seed` and the row's number in `first_row`...: log probabilities as the
  // trainers would compute them.
  void act(std::span<const std::byte> observations, uint64_t seed, std::span<int32_t> actions,
           std::span<float> log_probability);
  // The likeliest actions.
  void act_greedily(std::span<const std::byte> observations, std::span<int32_t> actions);

  // What goes to explorers: the policy's parameters, without the critic's.
  std::span<float> parameters();
  size_t parameter_count() const;
  const nn::ModelCard& card() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace podium::learn
