// Lanes made of named spans: the colour of each name, and in which row of its lane it stands.
//
// A device has a row for its H2D buffer, one for its IPC buffer and one for its worker; explorers
// and trainers have one. Names are those of traces. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "picture/lanes.hpp"

namespace podium::picture {

struct NamedSpan {
  std::string name = {};
  double begin = 0;
  double end = 0;
};

struct SpanLane {
  Words name = {};
  std::vector<NamedSpan> spans = {};
};

// The class for spans of this name; those that no picture knows look like waiting.
const char* kind_of_span(std::string_view name);

// A lane for each, the legend of what is in them, all of the time they span. More than `most` lanes
// are folded.
LanesPicture span_lanes(About about, const std::vector<SpanLane>& lanes, std::string unit,
                        size_t most);

}  // namespace podium::picture
