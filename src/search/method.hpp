// Method: the seam between a search and how it chooses what to try next: `reinforce`, `random`,
// `evolution`.
//
// The loop is: propose networks, have each trained and evaluated, learn from the rewards. Samples
// may come back late, in another order, or not at all; a network that could not be trained has the
// reward 0. Methods are deterministic: equal options, proposals and samples give equal proposals.
// Several at once, one a controller, differ in their `replica`. For one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "search/controller.hpp"
#include "search/space.hpp"
#include "search/theta_store.hpp"

namespace podium::search {

// A network that was trained, and how good it is: validation accuracy, 0 to 1.
struct Sample {
  Choices choices;
  double reward = 0;
};

class Method {
 public:
  virtual ~Method() = default;

  // What to try next, `count` networks of the space; the same one may come again.
  virtual std::vector<Choices> propose(size_t count) = 0;

  // REQUIRES: the space contains each; rewards are finite.
  virtual void learn(std::span<const Sample> samples) = 0;

  // Mean entropy in nats of the distributions that the last proposals were drawn from, summed over
  // the choices of a network.
  virtual double entropy() const = 0;

  // All that later proposals depend on, apart from Θ, which its store keeps. A method of the same
  // options that resumes from it goes on equally. resume() throws data_error for a state of another
  // method or space.
  virtual nlohmann::ordered_json state() const = 0;
  virtual void resume(const nlohmann::ordered_json& state) = 0;
};

struct ReinforceOptions {
  ControllerOptions controller;
  double entropy = 0.0;   // weight of the policy's entropy beside the reward
  double baseline = 0.8;  // weight of the past in the moving average of rewards
  bool cubed = true;      // the reward is the accuracy's cube (Zoph & Le 2016, 4.1)
};

// Real et al. 2019.
struct EvolutionOptions {
  size_t population = 50;
  size_t tournament = 10;
};

struct MethodOptions {
  std::string name = "reinforce";  // or random, evolution
  uint64_t seed = 1;
  uint64_t replica = 0;  // which of several that search together
  ReinforceOptions reinforce;
  EvolutionOptions evolution;
};

// `space` and `theta` outlive the method; only reinforce uses `theta`, which may else be null.
// Throws usage_error for an unknown name or options that make no sense.
std::unique_ptr<Method> make_method(const MethodOptions& options, const Space& space,
                                    ThetaStore* theta);

}  // namespace podium::search
