#include "search/random_search.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

#include "search/method_state.hpp"

namespace podium::search {

Choices random_choices(const Space& space, Random& random) {
  Choices choices;
  for (const int options : space.options()) {
    choices.push_back(static_cast<int>(random.below(static_cast<uint64_t>(options))));
  }
  return choices;
}

double uniform_entropy(const Space& space) {
  double entropy = 0;
  for (const int options : space.options()) entropy += std::log(options);
  return entropy;
}

std::vector<Choices> RandomSearch::propose(size_t count) {
  std::vector<Choices> proposals;
  for (size_t i = 0; i < count; ++i) {
    Random random(seed_, replica_, proposed_++);
    proposals.push_back(random_choices(space_, random));
  }
  return proposals;
}

double RandomSearch::entropy() const {
  return uniform_entropy(space_);
}

nlohmann::ordered_json RandomSearch::state() const {
  return {{"method", "random"}, {"proposed", proposed_}};
}

void RandomSearch::resume(const nlohmann::ordered_json& state) {
  read_state(state, "random", [&] {
    proposed_ = state.at("proposed").get<uint64_t>();
    return true;
  });
}

}  // namespace podium::search
