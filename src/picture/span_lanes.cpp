#include "picture/span_lanes.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "core/text.hpp"

namespace podium::picture {
namespace {

struct Look {
  const char* name;
  const char* kind;
  int row;
};

constexpr std::array<Look, 13> looks = {{{"H2D", "fill-h2d", 0},
                                         {"broadcast (src)", "fill-broadcast", 1},
                                         {"broadcast (dst)", "fill-destination", 1},
                                         {"reload weights", "fill-inference", 2},
                                         {"rollout", "fill-rollout", 0},
                                         {"train", "fill-train", 0},
                                         {"sync weight (direct)", "fill-direct", 0},
                                         {"sync weight (checkpoint)", "fill-checkpoint", 0},
                                         {"forward", "fill-h2d", 0},
                                         {"backward", "fill-train", 0},
                                         {"bucket AllReduce", "fill-inference", 0},
                                         {"ingest batch", "fill-other", 0},
                                         {"wait", "fill-wait", 0}}};
constexpr Look unknown = {"other", "fill-wait", 0};

const Look& look_of(std::string_view name) {
  const auto* found =
      std::ranges::find(looks, name, [](const Look& look) { return std::string_view(look.name); });
  return found == looks.end() ? unknown : *found;
}

Lane lane_of(const SpanLane& spans, const std::string& unit) {
  Lane lane{.name = spans.name, .stretches = {}, .rows = 1};
  for (const NamedSpan& span : spans.spans) {
    const Look& look = look_of(span.name);
    lane.stretches.push_back({span.begin, span.end, look.kind,
                              span.name + format(", %.3g ", span.end - span.begin) + unit,
                              look.row});
    lane.rows = std::max(lane.rows, look.row + 1);
  }
  return lane;
}

std::vector<Meaning> legend_of(const std::vector<SpanLane>& lanes) {
  std::vector<Meaning> legend;
  for (const Look& look : looks) {
    const bool drawn = std::ranges::any_of(lanes, [&](const SpanLane& lane) {
      return std::ranges::count(lane.spans, look.name, &NamedSpan::name) > 0;
    });
    if (drawn) legend.push_back({look.kind, look.name});
  }
  return legend;
}

}  // namespace

const char* kind_of_span(std::string_view name) {
  return look_of(name).kind;
}

LanesPicture span_lanes(About about, const std::vector<SpanLane>& lanes, std::string unit,
                        size_t most) {
  LanesPicture picture;
  picture.about = std::move(about);
  picture.unit = std::move(unit);
  picture.legend = legend_of(lanes);
  for (const SpanLane& lane : lanes) picture.lanes.push_back(lane_of(lane, picture.unit));
  span_all(picture, false);
  constexpr double seen_apart = 1 / 2000.0;  // of the width
  for (Lane& lane : picture.lanes) {
    join_close(lane.stretches, (picture.end - picture.begin) * seen_apart);
  }
  fold(picture.lanes, most);
  return picture;
}

}  // namespace podium::picture
