#include "bench/ckpt_trace.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>

#include "core/error.hpp"
#include "picture/span_lanes.hpp"

namespace podium::bench {
namespace {

struct Look {
  const char* name;
  int row;  // of a device's three
};

// In the order of DeviceSpan::Kind.
constexpr std::array<Look, 4> looks = {
    {{"H2D", 0}, {"broadcast (src)", 1}, {"broadcast (dst)", 1}, {"reload weights", 2}}};
constexpr std::array<const char*, 3> rows = {"H2D buffer", "IPC buffer", "worker"};

constexpr double picture_width = 1000;
constexpr size_t most_devices = 64;

const Look& look_of(const DeviceSpan& span) {
  return looks.at(static_cast<size_t>(span.kind));
}

}  // namespace

TraceFile trace_of(const std::vector<DeviceSpan>& spans, int devices) {
  TraceFile file;
  for (int device = 0; device < devices; ++device) {
    file.name_group(device, "device " + std::to_string(device));
    for (size_t row = 0; row < rows.size(); ++row) {
      file.name_lane(device, static_cast<int>(row), rows.at(row));
    }
  }
  for (const DeviceSpan& span : spans) {
    file.add(span.device, look_of(span).row, look_of(span).name, span.begin_ns, span.end_ns);
  }
  return file;
}

std::string picture_of(const std::vector<DeviceSpan>& spans, int devices) {
  std::vector<picture::SpanLane> lanes(static_cast<size_t>(devices));
  for (int device = 0; device < devices; ++device) {
    lanes[static_cast<size_t>(device)].name = "device " + std::to_string(device);
  }
  const auto first = std::ranges::min_element(spans, {}, &DeviceSpan::begin_ns);
  const auto ms = [&](int64_t ns) { return static_cast<double>(ns - first->begin_ns) * 1e-6; };
  for (const DeviceSpan& span : spans) {
    lanes.at(static_cast<size_t>(span.device))
        .spans.push_back({look_of(span).name, ms(span.begin_ns), ms(span.end_ns)});
  }
  const picture::About about{
      "update", "An update of weights",
      "Of each device: its H2D buffer, below it its IPC buffer, below that its worker."};
  return picture::draw_document(picture::span_lanes(about, lanes, "ms", most_devices),
                                picture_width);
}

void write_trace(const std::filesystem::path& folder, const std::vector<DeviceSpan>& spans,
                 int devices) {
  trace_of(spans, devices).write(folder / "trace.json");
  const std::filesystem::path path = folder / "trace.svg";
  std::ofstream file(path);
  file << picture_of(spans, devices);
  file.close();
  if (!file) throw io_error("cannot write the picture", path.string(), errno);
}

}  // namespace podium::bench
