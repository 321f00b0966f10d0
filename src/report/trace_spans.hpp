// Spans out of a run's trace.json, by name.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "picture/span_lanes.hpp"

namespace podium::report {

// What one lane of a process did, in milliseconds since the first span of the trace.
struct TracedLane {
  std::string process;
  std::string lane;
  std::vector<picture::NamedSpan> spans;  // in order of their begins
};

// Of the spans with one of these names. Empty where there is no trace, or none that can be read:
// traces may be large, and those above 256 MiB are not.
std::vector<TracedLane> traced_lanes(const std::filesystem::path& run_dir,
                                     std::span<const char* const> names);

// The spans from `begin` to `end`, and lanes that have any.
std::vector<TracedLane> window(std::vector<TracedLane> lanes, double begin, double end);

}  // namespace podium::report
