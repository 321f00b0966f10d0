// The picture of a weight update: one lane per device, from measured spans.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/trace_file.hpp"

namespace podium::bench {

// A span of a device, in one of the picture's colours (picture/span_lanes.hpp).
struct DeviceSpan {
  enum class Kind { h2d, source, destination, reload };
  int device = 0;
  Kind kind{};
  int64_t begin_ns = 0;
  int64_t end_ns = 0;
};

TraceFile trace_of(const std::vector<DeviceSpan>& spans, int devices);
// An SVG document: devices from top to bottom, each with a row for its H2D buffer, its IPC buffer
// and its worker; time from left to right.
std::string picture_of(const std::vector<DeviceSpan>& spans, int devices);
// Both, as trace.json and trace.svg in `folder`. Throws io_error.
void write_trace(const std::filesystem::path& folder, const std::vector<DeviceSpan>& spans,
                 int devices);

}  // namespace podium::bench
