// Policy: a network whose outputs are the logits of actions. It alone goes to explorers, and is a
// classifier like any other: it can be served. It begins with all actions nearly equally likely.
//
// Explorers and trainers compute it the same way (network.hpp): at equal weights and observations
// log probabilities have equal bits, and a ratio of two is exactly 1. What does not compute alike
// in training and in use (bn, dropout) is refused with usage_error.
//
// Threads: an object belongs to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/device_choice.hpp"
#include "learn/environment.hpp"
#include "learn/network.hpp"
#include "nn/model.hpp"

namespace podium::learn {

struct PolicyOptions {
  std::string architecture;               // its last layer is `dense classes`
  nn::Preprocess preprocess;              // of images
  std::vector<std::string> action_names;  // or none
  int block = 64;                         // rows that are computed together
  int threads = 1;
  DeviceChoice device;
};

class Policy {
 public:
  // Equal seeds give equal bits.
  Policy(const EnvironmentInfo& info, const PolicyOptions& options, uint64_t seed);

  // For explorers: draws an action for each of the observations [N, observation bytes], by `seed`
  // and the number of its row, and says how likely that was.
  void act(std::span<const std::byte> observations, uint64_t seed, std::span<int32_t> actions,
           std::span<float> log_probability);
  // The likeliest actions.
  void act_greedily(std::span<const std::byte> observations, std::span<int32_t> actions);
  // How likely these actions are now.
  void judge(std::span<const std::byte> observations, std::span<const int32_t> actions,
             std::span<float> log_probability);

  // What goes to explorers. To be written to, it is asked for anew after each of the calls above.
  std::span<float> parameters() { return network_.parameters(); }
  size_t parameter_count() const { return network_.parameter_count(); }
  const nn::ModelCard& card() const { return network_.model().card(); }
  const std::vector<nn::BufferInfo>& buffers() const { return network_.model().buffers(); }
  Network& network() { return network_; }

 private:
  std::span<const float> logits(std::span<const std::byte> observations, size_t rows);

  Network network_;
  std::vector<float> logits_;
};

}  // namespace podium::learn
