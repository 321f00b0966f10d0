#include "bench/search_trial.hpp"

#include <algorithm>
#include <optional>

#include "core/random.hpp"

namespace podium::bench {
namespace {

constexpr uint64_t training_stream = 0x7ab1e;  // which training of a network is its reward
constexpr uint64_t shuffle_stream = 0x5aff1e;  // whose reward is told

}  // namespace

SearchTrial search_once(const SearchTable& table, const search::Space& space, const SearchHow& how,
                        uint64_t seed, const SearchBenchOptions& options) {
  search::MethodOptions method_options = options.method;
  method_options.name = how.method;
  method_options.seed = seed;
  std::optional<search::LocalTheta> theta;
  if (how.method == "reinforce") {
    const search::Controller controller(space, method_options.reinforce.controller);
    search::AdamOptions adam;
    adam.lr = how.lr;
    theta.emplace(controller.initial(seed), adam);
  }
  const auto method = search::make_method(method_options, space, theta ? &*theta : nullptr);
  Random trainings(seed, training_stream);
  Random others(seed, shuffle_stream);
  const auto reward_of = [&](size_t network) {
    return static_cast<double>(table.at(network, trainings.below(table.trainings)));
  };
  SearchTrial trial;
  const auto samples = static_cast<size_t>(options.samples);
  while (trial.rewards.size() < samples) {
    const size_t left = samples - trial.rewards.size();
    std::vector<search::Sample> told;
    for (search::Choices& choices :
         method->propose(std::min(left, static_cast<size_t>(options.children)))) {
      const size_t network = space.index_of(choices);
      trial.networks.push_back(network);
      trial.rewards.push_back(reward_of(network));
      trial.entropies.push_back(method->entropy());
      const double reward =
          how.shuffled ? reward_of(others.below(table.networks)) : trial.rewards.back();
      told.push_back({std::move(choices), reward});
    }
    method->learn(told);
  }
  return trial;
}

}  // namespace podium::bench
