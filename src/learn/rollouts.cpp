#include "learn/rollouts.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/error.hpp"

namespace podium::learn {
namespace {

// The seeds of actions and of episodes come from streams of their own.
constexpr uint64_t kActions = 0x616374;
constexpr uint64_t kEpisodes = 0x657069;

Experience blank(const RolloutOptions& options, const Version& version, uint64_t number,
                 size_t place, size_t row_bytes) {
  const auto steps = static_cast<size_t>(options.steps);
  Experience made;
  made.id = number * static_cast<uint64_t>(options.environments) + place;
  made.explorer = options.explorer;
  made.rollout = number;
  made.version = version;
  made.steps = options.steps;
  made.observations.resize((steps + 1) * row_bytes);
  made.actions.resize(steps);
  made.log_probability.resize(steps);
  made.rewards.resize(steps);
  made.ends.resize(steps);
  return made;
}

}  // namespace

Rollouts::Rollouts(const std::function<std::unique_ptr<Environment>(int)>& make,
                   const RolloutOptions& options)
    : options_(options) {
  require(options.environments > 0 && options.steps > 0, "no steps", "Rollouts");
  for (int i = 0; i < options.environments; ++i) places_.emplace_back().environment = make(i);
  row_bytes_ = places_.front().environment->info().observation_bytes();
  observations_.resize(places_.size() * row_bytes_);
}

std::vector<Experience> Rollouts::explore(Policy& policy, const Version& version, uint64_t number,
                                          const std::function<void()>& between) {
  std::vector<Experience> made;
  for (size_t i = 0; i < places_.size(); ++i) {
    made.push_back(blank(options_, version, number, i, row_bytes_));
    if (!places_[i].under_way)
      begin_episode(i, Random(options_.seed ^ kEpisodes, number, i).next());
  }
  std::vector<int32_t> actions(places_.size());
  std::vector<float> log_probability(places_.size());
  for (size_t t = 0; t < static_cast<size_t>(options_.steps); ++t) {
    if (between) between();
    policy.act(observations_, Random(options_.seed ^ kActions, number, t).next(), actions,
               log_probability);
    for (size_t i = 0; i < places_.size(); ++i) {
      Experience& experience = made[i];
      std::ranges::copy(observation(i),
                        experience.observations.begin() + static_cast<ptrdiff_t>(t * row_bytes_));
      experience.actions[t] = actions[i];
      experience.log_probability[t] = log_probability[i];
      const Outcome outcome = step(
          i, actions[i], Random(options_.seed ^ kEpisodes, number, (t + 1) * places_.size() + i));
      experience.rewards[t] = outcome.reward;
      experience.ends[t] = outcome.ending;
    }
  }
  for (size_t i = 0; i < places_.size(); ++i) {
    std::ranges::copy(observation(i),
                      made[i].observations.end() - static_cast<ptrdiff_t>(row_bytes_));
  }
  return made;
}

// Takes a step, and begins the next episode where that ended one.
Outcome Rollouts::step(size_t place, int action, Random next_episode) {
  Place& here = places_[place];
  const Outcome outcome = here.environment->step(action, observation(place));
  if (!std::isnan(outcome.reward)) here.so_far += outcome.reward;
  if (outcome.ending != Ending::none) {
    returns_.push_back(here.so_far);
    begin_episode(place, next_episode.next());
  }
  return outcome;
}

void Rollouts::begin_episode(size_t place, uint64_t seed) {
  Place& here = places_[place];
  here.environment->reset(seed, observation(place));
  here.under_way = true;
  here.so_far = 0;
}

std::vector<double> Rollouts::take_returns() {
  return std::exchange(returns_, {});
}

void Rollouts::begin_anew() {
  for (Place& place : places_) place.under_way = false;
}

std::span<std::byte> Rollouts::observation(size_t place) {
  return std::span(observations_).subspan(place * row_bytes_, row_bytes_);
}

namespace {

// Episodes side by side, each environment with the next one that nobody has begun.
class Evaluation {
 public:
  Evaluation(std::span<const std::unique_ptr<Environment>> environments, int episodes,
             uint64_t seed)
      : environments_(environments),
        row_bytes_(environments.front()->info().observation_bytes()),
        episodes_(episodes),
        seed_(seed),
        observations_(environments.size() * row_bytes_) {
    for (size_t i = 0; i < environments.size() && begun_ < episodes_; ++i) {
      running_.push_back(i);
      begin(i);
    }
  }

  double mean_return(Policy& policy) {
    std::vector<int32_t> actions(environments_.size());
    while (!running_.empty()) {
      // Those that are over compute along: they are at the end, and few.
      policy.act_greedily(observations_, actions);
      std::erase_if(running_, [&](size_t i) { return !step(i, actions[i]); });
    }
    return sum_ / episodes_;
  }

 private:
  std::span<std::byte> observation(size_t i) {
    return std::span(observations_).subspan(i * row_bytes_, row_bytes_);
  }

  void begin(size_t i) {
    environments_[i]->reset(seed_ + static_cast<uint64_t>(begun_++), observation(i));
  }

  // Whether the environment goes on.
  bool step(size_t i, int action) {
    const Outcome outcome = environments_[i]->step(action, observation(i));
    sum_ += outcome.reward;
    if (outcome.ending == Ending::none) return true;
    if (begun_ == episodes_) return false;
    begin(i);
    return true;
  }

  std::span<const std::unique_ptr<Environment>> environments_;
  size_t row_bytes_;
  int episodes_;
  uint64_t seed_;
  std::vector<std::byte> observations_;
  std::vector<size_t> running_;
  int begun_ = 0;
  double sum_ = 0;
};

}  // namespace

double mean_return(Policy& policy, std::span<const std::unique_ptr<Environment>> environments,
                   int episodes, uint64_t seed) {
  require(!environments.empty() && episodes > 0, "nothing to evaluate", "mean_return");
  return Evaluation(environments, episodes, seed).mean_return(policy);
}

}  // namespace podium::learn
