#include "search/evolution.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "search/method_state.hpp"
#include "search/random_search.hpp"

namespace podium::search {

Evolution::Evolution(const Space& space, const MethodOptions& options)
    : space_(space), options_(options.evolution), seed_(options.seed), replica_(options.replica) {
  if (options_.population < 2) {
    throw usage_error("a population of less than two", "search.population", "give 2 or more");
  }
  if (options_.tournament < 1 || options_.tournament > options_.population) {
    throw usage_error("a tournament of none, or of more than the population", "search.tournament",
                      "give 1 to " + std::to_string(options_.population));
  }
}

std::vector<Choices> Evolution::propose(size_t count) {
  std::vector<Choices> proposals;
  for (size_t i = 0; i < count; ++i) {
    Random random(seed_, replica_, proposed_++);
    if (population_.size() < options_.population) {
      proposals.push_back(random_choices(space_, random));
    } else {
      mutate(proposals.emplace_back(parent(random)), random);
    }
  }
  return proposals;
}

// The best of some members, each drawn from all.
const Choices& Evolution::parent(Random& random) const {
  const Sample* best = nullptr;
  for (size_t i = 0; i < options_.tournament; ++i) {
    const Sample& member = population_[random.below(population_.size())];
    if (best == nullptr || member.reward > best->reward) best = &member;
  }
  return best->choices;
}

void Evolution::mutate(Choices& choices, Random& random) const {
  const size_t at = random.below(choices.size());
  const auto others = static_cast<uint64_t>(space_.options()[at] - 1);
  const int step = 1 + static_cast<int>(random.below(others));
  choices[at] = (choices[at] + step) % space_.options()[at];
}

void Evolution::learn(std::span<const Sample> samples) {
  for (const Sample& sample : samples) {
    population_.push_back(sample);
    if (population_.size() > options_.population) population_.pop_front();
  }
}

double Evolution::entropy() const {
  if (population_.empty()) return uniform_entropy(space_);
  double entropy = 0;
  for (size_t i = 0; i < space_.options().size(); ++i) {
    std::vector<double> counts(static_cast<size_t>(space_.options()[i]), 0.0);
    for (const Sample& member : population_) ++counts[static_cast<size_t>(member.choices[i])];
    for (const double count : counts) {
      const double share = count / static_cast<double>(population_.size());
      entropy -= share > 0 ? share * std::log(share) : 0;
    }
  }
  return entropy;
}

nlohmann::ordered_json Evolution::state() const {
  auto members = nlohmann::ordered_json::array();
  for (const Sample& member : population_) {
    members.push_back({{"choices", member.choices}, {"reward", member.reward}});
  }
  return {{"method", "evolution"}, {"proposed", proposed_}, {"population", std::move(members)}};
}

void Evolution::resume(const nlohmann::ordered_json& state) {
  read_state(state, "evolution", [&] {
    std::deque<Sample> population;
    for (const auto& member : state.at("population")) {
      population.push_back(
          {member.at("choices").get<Choices>(), member.at("reward").get<double>()});
      if (!space_.contains(population.back().choices)) return false;
    }
    if (population.size() > options_.population) return false;
    proposed_ = state.at("proposed").get<uint64_t>();
    population_ = std::move(population);
    return true;
  });
}

}  // namespace podium::search
