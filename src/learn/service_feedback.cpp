#include "learn/service_feedback.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <span>

namespace podium::learn {
namespace {

constexpr size_t most_versions = 64;

using Queue = std::deque<serve::Feedback>;

// The first `steps` of a queue. Behind the last image stands that image again: nothing comes after
// an episode's end.
Experience make_experience(Queue& queue, const Version& version, const RolloutShape& shape) {
  Experience made;
  made.version = version;
  made.steps = shape.steps;
  for (int step = 0; step < shape.steps; ++step) {
    const serve::Feedback feedback = std::move(queue.front());
    queue.pop_front();
    const serve::Decision& decision = feedback.decision;
    const auto image = std::as_bytes(std::span(decision.image));
    made.observations.insert(made.observations.end(), image.begin(), image.end());
    if (step + 1 == shape.steps) {
      made.observations.insert(made.observations.end(), image.begin(), image.end());
    }
    made.actions.push_back(decision.action);
    made.log_probability.push_back(std::min(0.0F, std::log(decision.probability)));
    made.rewards.push_back(feedback.reward);
    made.ends.push_back(Ending::terminal);
  }
  return made;
}

}  // namespace

void ServiceFeedback::know(int number, const Version& version) {
  known_[number] = version;
  while (known_.size() > most_versions) known_.erase(known_.begin());
}

void ServiceFeedback::forget_newer(const Version& version) {
  std::erase_if(known_, [&](const auto& entry) {
    return entry.second.number > version.number || entry.second.made_at > version.made_at;
  });
}

void ServiceFeedback::add(serve::Feedback feedback) {
  by_number_[feedback.decision.version].push_back(std::move(feedback));
  ++waiting_;
}

bool ServiceFeedback::fits(const serve::Feedback& feedback, const RolloutShape& shape) const {
  const serve::Decision& decision = feedback.decision;
  return decision.image.size() == shape.observation_bytes && decision.action >= 0 &&
         decision.action < shape.actions && decision.probability > 0;
}

void ServiceFeedback::drop_unfit(const RolloutShape& shape) {
  size_t left = 0;
  for (auto entry = by_number_.begin(); entry != by_number_.end();) {
    Queue& queue = entry->second;
    if (!known_.contains(entry->first)) queue.clear();
    std::erase_if(queue, [&](const serve::Feedback& feedback) { return !fits(feedback, shape); });
    left += queue.size();
    entry = queue.empty() ? by_number_.erase(entry) : std::next(entry);
  }
  dropped_ += waiting_ - left;
  waiting_ = left;
}

std::vector<Experience> ServiceFeedback::take(uint64_t rollout, const RolloutShape& shape) {
  drop_unfit(shape);
  const auto steps = static_cast<size_t>(shape.steps);
  size_t ready = 0;
  for (const auto& [number, queue] : by_number_) ready += queue.size() / steps;
  if (ready < shape.experiences) return {};
  std::vector<Experience> made;
  for (auto& [number, queue] : by_number_) {
    while (queue.size() >= steps && made.size() < shape.experiences) {
      made.push_back(make_experience(queue, known_.at(number), shape));
      made.back().id = rollout * shape.experiences + made.size() - 1;
      made.back().rollout = rollout;
      waiting_ -= steps;
    }
  }
  return made;
}

}  // namespace podium::learn
