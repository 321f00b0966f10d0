#include "bench/learn_picture.hpp"

#include <algorithm>

#include "picture/span_lanes.hpp"

namespace podium::bench {
namespace {

using learn::Spent;
using learn::SpentSpan;

constexpr double picture_width = 1000;
constexpr size_t most_lanes = 200;

// As traces call it; null: nothing to be drawn.
const char* name_of(Spent what, learn::SyncMethod method) {
  switch (what) {
    case Spent::rollout:
      return "rollout";
    case Spent::train:
      return "train";
    case Spent::transfer:
      return method == learn::SyncMethod::direct ? "sync weight (direct)"
                                                 : "sync weight (checkpoint)";
    case Spent::wait_for_experiences:
    case Spent::wait_for_weights:
    case Spent::wait_for_room:
      return "wait";
    case Spent::other:
      break;
  }
  return nullptr;
}

// What of `spans` lies within `length_ns` from `begin_ns` on.
picture::SpanLane lane(const std::string& name, const std::vector<SpentSpan>& spans,
                       learn::SyncMethod method, int64_t begin_ns, int64_t length_ns) {
  picture::SpanLane lane{.name = name, .spans = {}};
  for (const SpentSpan& span : spans) {
    const int64_t begin = std::max<int64_t>(span.begin_ns - begin_ns, 0);
    const int64_t end = std::min(span.end_ns - begin_ns, length_ns);
    const char* what = name_of(span.what, method);
    if (end <= begin || what == nullptr) continue;
    lane.spans.push_back(
        {what, static_cast<double>(begin) * 1e-6, static_cast<double>(end) * 1e-6});
  }
  return lane;
}

}  // namespace

std::string picture_of(const std::vector<LearnPicture>& modes, size_t warm_up, size_t batches) {
  int64_t length_ns = 1;
  for (const LearnPicture& mode : modes) {
    const std::vector<int64_t>& at = mode.timeline.trained_ns;
    length_ns = std::max(length_ns, at.at(warm_up + batches) - at.at(warm_up));
  }
  std::vector<picture::SpanLane> lanes;
  for (const LearnPicture& mode : modes) {
    const int64_t begin_ns = mode.timeline.trained_ns.at(warm_up);
    for (const auto& [explorer, spans] : mode.timeline.explorers) {
      lanes.push_back(lane(mode.mode + ": explorer " + std::to_string(explorer), spans, mode.method,
                           begin_ns, length_ns));
    }
    lanes.push_back(
        lane(mode.mode + ": trainer", mode.timeline.trainers, mode.method, begin_ns, length_ns));
  }
  picture::LanesPicture picture = picture::span_lanes(
      {"modes", "Explorers and trainers in each mode", "An equally long stretch of each mode."},
      lanes, "ms", most_lanes);
  picture.begin = 0;
  picture.end = static_cast<double>(length_ns) * 1e-6;
  return picture::draw_document(picture, picture_width);
}

}  // namespace podium::bench
