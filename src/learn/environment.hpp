// Environment: what a policy acts in. The interface to add one is these four calls
// (docs/learn.md has an example).
//
// Threads: an object belongs to one thread. Equal seeds and actions give equal observations and
// rewards.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "io/loader/dataset.hpp"
#include "learn/experience.hpp"
#include "nn/image_shape.hpp"

namespace podium::learn {

enum class ObservationType : uint8_t {
  image,   // uint8 [H,W,C], preprocessed by the model's card
  vector,  // float32 [shape.width], as they are; shape is {1,1,width}
};

// What all environments of a kind have in common.
struct EnvironmentInfo {
  std::string name;
  ObservationType type = ObservationType::vector;
  nn::ImageShape shape;
  int actions = 2;
  double solved_return = 0;  // mean return at which the task counts as learnt; 0: none is known

  size_t observation_bytes() const;
};

struct Outcome {
  float reward = 0;  // awaited_reward: it will come later
  Ending ending = Ending::none;
};

class Environment {
 public:
  virtual ~Environment() = default;
  virtual const EnvironmentInfo& info() const = 0;
  // Begins an episode. Writes its first observation.
  virtual void reset(uint64_t seed, std::span<std::byte> observation) = 0;
  // REQUIRES: an episode is under way, 0 <= action < actions. Writes the observation after it; what
  // stands there after a terminal step means nothing.
  virtual Outcome step(int action, std::span<std::byte> observation) = 0;
};

struct EnvironmentOptions {
  std::string name;                      // cartpole | image_bandit
  std::shared_ptr<io::Dataset> dataset;  // image_bandit: whose images
  io::Split split = io::Split::train;    // and of which split
};

// Throws usage_error for an unknown name, or without the data set that it needs.
std::unique_ptr<Environment> make_environment(const EnvironmentOptions& options);

}  // namespace podium::learn
