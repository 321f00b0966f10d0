#include "learn/mode_profile.hpp"

#include <algorithm>

#include "core/error.hpp"

namespace podium::learn {
namespace {

using Seconds = std::array<double, spent_kinds>;

struct Window {
  int64_t begin_ns = 0;
  int64_t end_ns = 0;
  double seconds() const { return static_cast<double>(end_ns - begin_ns) * 1e-9; }
};

Seconds spent_within(const std::vector<SpentSpan>& spans, const Window& window) {
  Seconds seconds{};
  for (const SpentSpan& span : spans) {
    const int64_t begin = std::max(span.begin_ns, window.begin_ns);
    const int64_t end = std::min(span.end_ns, window.end_ns);
    if (end > begin)
      seconds[static_cast<size_t>(span.what)] += static_cast<double>(end - begin) * 1e-9;
  }
  return seconds;
}

bool waits(Spent what) {
  return what == Spent::wait_for_experiences || what == Spent::wait_for_weights ||
         what == Spent::wait_for_room;
}

double waited(const Seconds& seconds) {
  double sum = 0;
  for (size_t i = 0; i < spent_kinds; ++i) {
    if (waits(static_cast<Spent>(i))) sum += seconds[i];
  }
  return sum;
}

double of(const Seconds& seconds, Spent what) {
  return seconds[static_cast<size_t>(what)];
}

// Seconds from `published_ns` until an explorer that waited then explores; negative: it did not
// wait, or took nothing first.
double wake_up_of(const std::vector<SpentSpan>& spans, int64_t published_ns) {
  const auto at = std::ranges::find_if(
      spans, [&](const SpentSpan& span) { return span.end_ns > published_ns; });
  if (at == spans.end() || at->begin_ns > published_ns || !waits(at->what)) return -1;
  const auto took = at + 1;
  if (took == spans.end() || took->what != Spent::transfer) return -1;
  const auto rollout = std::ranges::find(took, spans.end(), Spent::rollout, &SpentSpan::what);
  if (rollout == spans.end()) return -1;
  return static_cast<double>(rollout->begin_ns - published_ns) * 1e-9;
}

double median_wake_up(const Timeline& timeline, const Window& window) {
  std::vector<double> all;
  for (const int64_t published : timeline.published_ns) {
    if (published < window.begin_ns || published > window.end_ns) continue;
    for (const auto& [explorer, spans] : timeline.explorers) {
      if (const double wake_up = wake_up_of(spans, published); wake_up >= 0) all.push_back(wake_up);
    }
  }
  if (all.empty()) return 0;
  const auto middle = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
  std::ranges::nth_element(all, middle);
  return *middle;
}

}  // namespace

ModeProfile profile_of(const Timeline& timeline, size_t warm_up) {
  require(timeline.trained_ns.size() > warm_up + 1, "there are batches to judge a mode by",
          "the profile of a mode");
  const Window window{timeline.trained_ns[warm_up], timeline.trained_ns.back()};
  const auto batches = static_cast<double>(timeline.trained_ns.size() - 1 - warm_up);
  const Seconds trainers = spent_within(timeline.trainers, window);
  double rollout = 0, waiting = waited(trainers), transfer = 0;
  for (const auto& [explorer, spans] : timeline.explorers) {
    const Seconds spent = spent_within(spans, window);
    rollout += of(spent, Spent::rollout);
    transfer += of(spent, Spent::transfer);
    waiting += waited(spent);
  }
  const auto explorers = static_cast<double>(timeline.explorers.size());
  const double all = window.seconds() * (1 + explorers);
  ModeProfile profile;
  profile.batch_s = window.seconds() / batches;
  profile.rollout_s = rollout / batches;
  profile.train_s = of(trainers, Spent::train) / batches;
  profile.sync_s =
      (of(trainers, Spent::transfer) + (explorers > 0 ? transfer / explorers : 0)) / batches;
  profile.utilisation = (rollout + of(trainers, Spent::train)) / all;
  profile.bubble = waiting / all;
  profile.wake_up_s = median_wake_up(timeline, window);
  return profile;
}

double best_speed_up(const BatchParts& parts) {
  const double rollout_s = parts.rollout_s / parts.explorers;
  const double one_by_one =
      parts.synchronous_s > 0 ? parts.synchronous_s : rollout_s + parts.train_s + parts.sync_s;
  return one_by_one / std::max(rollout_s, parts.train_s);
}

}  // namespace podium::learn
