// How weights came from the checkpoint ranks to the replicas: who did what in one update.
#include <algorithm>
#include <array>
#include <map>

#include "report/drawn.hpp"
#include "report/sections.hpp"
#include "report/trace_spans.hpp"

namespace podium::report {
namespace {

constexpr std::array names = {"H2D", "broadcast (src)", "broadcast (dst)", "reload weights"};
constexpr double apart_ms = 5;  // between updates
constexpr size_t most_devices = 16;

struct Update {
  double begin = 0;
  double end = 0;
  size_t spans = 0;
};

// Spans that follow each other closely are one update's; the one with the most spans is shown.
Update largest_update(const std::vector<TracedLane>& lanes) {
  std::vector<std::pair<double, double>> spans;
  for (const TracedLane& lane : lanes) {
    for (const picture::NamedSpan& span : lane.spans) spans.emplace_back(span.begin, span.end);
  }
  std::ranges::sort(spans);
  Update largest;
  Update current;
  for (const auto& [begin, end] : spans) {
    if (current.spans == 0 || begin > current.end + apart_ms) current = {begin, end, 0};
    current.end = std::max(current.end, end);
    ++current.spans;
    if (current.spans > largest.spans) largest = current;
  }
  return largest;
}

// A lane for each process: the rows of its buffers are told apart by the names of the spans.
std::vector<picture::SpanLane> devices_of(const std::vector<TracedLane>& lanes, double begin) {
  std::vector<picture::SpanLane> devices;
  for (const TracedLane& lane : lanes) {
    auto device = std::ranges::find(devices, lane.process,
                                    [](const picture::SpanLane& one) { return one.name.text; });
    if (device == devices.end()) {
      device = devices.insert(devices.end(), {.name = lane.process, .spans = {}});
    }
    for (picture::NamedSpan span : lane.spans) {
      span.begin -= begin;
      span.end -= begin;
      device->spans.push_back(std::move(span));
    }
  }
  return devices;
}

Markup update_of_run(const RunData& run, Page& page) {
  const std::vector<TracedLane> all = traced_lanes(run.folder, names);
  const Update update = largest_update(all);
  if (update.spans == 0) return {};
  const std::vector<TracedLane> lanes = window(all, update.begin, update.end);
  picture::LanesPicture picture = picture::span_lanes(
      {name_of(run, "update"), "An update of the weights that serve",
       "For each process of it: its H2D buffer, below it its IPC buffer, below that its worker."},
      devices_of(lanes, update.begin), "ms", most_devices);
  Markup caption = "One update by " +
                   page.derived(name_of(run, "update-processes"), picture.lanes.size(), As::count);
  caption += picture.lanes.size() == 1 ? " process took " : " processes took ";
  caption += page.derived(name_of(run, "update-ms"), update.end - update.begin, As::ms);
  const bool copied = std::ranges::any_of(lanes, [](const TracedLane& lane) {
    return std::ranges::any_of(lane.spans,
                               [](const picture::NamedSpan& span) { return span.name == "H2D"; });
  });
  caption += copied ? ": the H2D buffer fills, then the IPC buffer by broadcast, then"
                    : ": the IPC buffer fills by broadcast, then";
  caption += " the workers reload";
  const std::vector<Place> moved = own_events(run, "moved");
  if (!moved.empty()) {
    caption += "; the last one of " + quantity(moved.back()["bytes"], As::bytes);
    caption += " took, by the log, " + quantity(moved.back()["seconds"], As::seconds);
  }
  return figure(drawing(picture::draw(picture)), caption + ".");
}

}  // namespace

void update_section(const std::vector<RunData>& runs, Page& page) {
  section_of_each(runs, page, "update", "A weight update, device by device", update_of_run);
}

}  // namespace podium::report
