#include "bench/ckpt_trace.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>

#include "core/error.hpp"
#include "core/text.hpp"

namespace podium::bench {
namespace {

struct Look {
  const char* name;
  const char* colour;
  int row;  // of a device's three
};

// In the order of DeviceSpan::Kind.
constexpr std::array<Look, 4> looks = {{{"H2D", "#9ecae1", 0},
                                        {"broadcast (src)", "#ffd92f", 1},
                                        {"broadcast (dst)", "#fff2ae", 1},
                                        {"reload weights", "#fd8d3c", 2}}};
constexpr std::array<const char*, 3> rows = {"H2D buffer", "IPC buffer", "worker"};

constexpr int left = 130;
constexpr int width = 1000;
constexpr int row_height = 14;
constexpr int device_height = 3 * row_height + 10;
constexpr int top = 40;

const Look& look_of(const DeviceSpan& span) {
  return looks.at(static_cast<size_t>(span.kind));
}

std::string legend() {
  std::string text;
  int x = left;
  for (const Look& look : looks) {
    text += format(
        "<rect x=\"%d\" y=\"12\" width=\"14\" height=\"12\" fill=\"%s\"/>"
        "<text x=\"%d\" y=\"22\">%s</text>\n",
        x, look.colour, x + 18, look.name);
    x += 150;
  }
  return text;
}

std::string labels(int devices) {
  std::string text;
  for (int device = 0; device < devices; ++device) {
    const int y = top + device * device_height;
    text +=
        format("<text x=\"4\" y=\"%d\" font-weight=\"bold\">device %d</text>\n", y + 24, device);
    for (size_t row = 0; row < rows.size(); ++row) {
      text += format("<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>\n", left - 6,
                     y + static_cast<int>(row + 1) * row_height - 3, rows.at(row));
    }
  }
  return text;
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
  int64_t begin = INT64_MAX;
  int64_t end = INT64_MIN;
  for (const DeviceSpan& span : spans) {
    begin = std::min(begin, span.begin_ns);
    end = std::max(end, span.end_ns);
  }
  const double scale = spans.empty() ? 0 : width / std::max(1.0, static_cast<double>(end - begin));
  const int height = top + devices * device_height + 24;
  std::string text = format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
      "font-family=\"sans-serif\" font-size=\"11\">\n"
      "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
      left + width + 20, height);
  text += legend() + labels(devices);
  for (const DeviceSpan& span : spans) {
    const Look& look = look_of(span);
    text += format(
        "<rect x=\"%.2f\" y=\"%d\" width=\"%.2f\" height=\"%d\" fill=\"%s\" stroke=\"#555\" "
        "stroke-width=\"0.3\"/>\n",
        left + static_cast<double>(span.begin_ns - begin) * scale,
        top + span.device * device_height + look.row * row_height,
        std::max(0.4, static_cast<double>(span.end_ns - span.begin_ns) * scale), row_height - 2,
        look.colour);
  }
  text += format(
      "<text x=\"%d\" y=\"%d\">0</text><text x=\"%d\" y=\"%d\" text-anchor=\"end\">"
      "%.1f ms</text>\n</svg>\n",
      left, height - 8, left + width, height - 8,
      spans.empty() ? 0 : static_cast<double>(end - begin) * 1e-6);
  return text;
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
