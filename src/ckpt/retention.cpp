#include "ckpt/retention.hpp"

#include <algorithm>

namespace podium::ckpt {
namespace {

// The first of each stretch.
void keep_every(std::span<const Marker> markers, const Interval& every, std::set<int64_t>& kept) {
  int64_t before = 0;
  for (const Marker& marker : markers) {
    const int64_t now = every.unit == Interval::Unit::epochs ? marker.epochs : marker.step;
    if (crosses(every, before, now)) kept.insert(marker.step);
    before = std::max(before, now);
  }
}

// Of equally good ones the first.
void keep_best(std::span<const Marker> markers, std::set<int64_t>& kept) {
  const Marker* best = nullptr;
  for (const Marker& marker : markers) {
    if (!marker.epoch_end || marker.epochs == 0) continue;
    if (best == nullptr || marker.val_accuracy > best->val_accuracy) best = &marker;
  }
  if (best != nullptr) kept.insert(best->step);
}

}  // namespace

std::set<int64_t> kept_steps(std::span<const Marker> markers, const Retention& retention) {
  std::set<int64_t> kept;
  const auto newest = static_cast<size_t>(std::max(1, retention.newest));
  for (const Marker& marker : markers.last(std::min(newest, markers.size()))) {
    kept.insert(marker.step);
  }
  if (retention.best) keep_best(markers, kept);
  if (retention.every.unit != Interval::Unit::never) keep_every(markers, retention.every, kept);
  return kept;
}

}  // namespace podium::ckpt
