// Learning: when explorers explored and trainers trained, and what each waited for.
#include <algorithm>
#include <array>

#include "picture/chart.hpp"
#include "report/drawn.hpp"
#include "report/sections.hpp"
#include "report/trace_spans.hpp"

namespace podium::report {
namespace {

constexpr std::array names = {"rollout", "train", "sync weight (direct)",
                              "sync weight (checkpoint)", "wait"};
constexpr size_t most_lanes = 16;
constexpr size_t shown_trainings = 8;

struct Stretch {
  double begin = 0;
  double end = 0;
};

// From the middle of the run on, as long as some trainings take: all of it would be too fine.
std::optional<Stretch> middle_of(const std::vector<TracedLane>& lanes) {
  std::vector<double> trained;
  for (const TracedLane& lane : lanes) {
    for (const picture::NamedSpan& span : lane.spans) {
      if (span.name == "train") trained.push_back(span.end);
    }
    if (!trained.empty()) break;
  }
  if (trained.size() < 2) return std::nullopt;
  const size_t first = trained.size() > shown_trainings ? trained.size() / 2 : 0;
  const size_t last = std::min(first + shown_trainings, trained.size() - 1);
  return Stretch{trained[first], trained[last]};
}

Markup picture_from_trace(const RunData& run, Page& page) {
  const std::vector<TracedLane> all = traced_lanes(run.folder, names);
  const std::optional<Stretch> stretch = middle_of(all);
  if (!stretch) return {};
  std::vector<picture::SpanLane> lanes;
  for (const TracedLane& lane : window(all, stretch->begin, stretch->end)) {
    picture::SpanLane shifted{.name = lane.lane + " (" + lane.process + ")", .spans = lane.spans};
    for (picture::NamedSpan& span : shifted.spans) {
      span.begin = std::max(span.begin, stretch->begin) - stretch->begin;
      span.end = std::min(span.end, stretch->end) - stretch->begin;
    }
    lanes.push_back(std::move(shifted));
  }
  picture::LanesPicture picture = picture::span_lanes(
      {name_of(run, "learn"), "Explorers and trainers",
       "A stretch from the middle of the run: rollouts, training, syncs of weights, waits."},
      lanes, "ms", most_lanes);
  picture.begin = 0;
  picture.end = stretch->end - stretch->begin;
  return figure(drawing(picture::draw(picture)),
                "A stretch of " + page.derived(name_of(run, "learn-ms"), picture.end, As::ms) +
                    " from the middle of the run.");
}

struct Part {
  const char* key;
  const char* kind;
  const char* text;
};
constexpr std::array<Part, 7> parts = {{{"rollout_s", "fill-rollout", "rollout"},
                                        {"train_s", "fill-train", "train"},
                                        {"transfer_s", "fill-direct", "sync weight"},
                                        {"wait_for_experiences_s", "fill-wait", "wait"},
                                        {"wait_for_weights_s", "fill-wait", "wait"},
                                        {"wait_for_room_s", "fill-wait", "wait"},
                                        {"other_s", "fill-other", "other"}}};

// One side's time, part behind part.
picture::Lane total_lane(const std::string& name, const Place& time) {
  picture::Lane lane{.name = name};
  double at = 0;
  for (const Part& part : parts) {
    const double seconds = time[part.key].number_or(0);
    if (seconds <= 0) continue;
    lane.stretches.push_back({at, at + seconds, part.kind,
                              std::string(part.key) + ": " + written(seconds, As::seconds), 0});
    at += seconds;
  }
  return lane;
}

Markup totals(const RunData& run) {
  const Place result = run.result();
  picture::LanesPicture picture;
  picture.about = {name_of(run, "learn-time"), "What the time went into",
                   "One bar for all explorers together, one for the trainers."};
  picture.unit = "s";
  for (const auto& [name, key] :
       {std::pair{"all explorers", "explorer_time"}, std::pair{"all trainers", "trainer_time"}}) {
    if (result[key].size() > 0) picture.lanes.push_back(total_lane(name, result[key]));
  }
  if (picture.lanes.empty()) return {};
  picture.legend = {{"fill-rollout", "rollout"},
                    {"fill-train", "train"},
                    {"fill-direct", "sync weight"},
                    {"fill-wait", "wait"},
                    {"fill-other", "other"}};
  picture::span_all(picture, true);
  Markup caption = "In mode " + tag("code", result["mode"].text());
  caption += " explorers and trainers worked " + quantity(result["utilisation"], As::percent);
  caption += " of their time; explorers rolled out for ";
  caption +=
      quantity(result["explorer_time"]["rollout_s"], As::seconds) + ", trainers trained for ";
  caption += quantity(result["trainer_time"]["train_s"], As::seconds);
  return figure(drawing(picture::draw(picture)), caption + ".");
}

// What waits in the buffer when a batch is taken, and how old it is.
Markup buffer_of(const RunData& run) {
  const std::vector<Place> batches = own_events(run, "batch");
  if (batches.size() < 2) return {};
  picture::Chart chart;
  chart.about = {name_of(run, "buffer"), "The buffer, batch by batch",
                 "How many experiences were ready in the buffer when each batch was taken."};
  chart.x = {.name = "batch", .least = 0};
  chart.y = {.name = "experiences ready", .least = 0};
  picture::Series ready{.name = "ready", .dots = false};
  for (const Place& batch : batches) {
    ready.points.push_back({.x = batch["batch"].number_or(0), .y = batch["ready"].number_or(0)});
  }
  const bool ever =
      std::ranges::any_of(ready.points, [](const picture::Point& p) { return p.y > 0; });
  if (!ever) return {};
  chart.series = {std::move(ready)};
  Markup caption = "At the last batch ";
  caption += quantity(batches.back()["ready"], As::count) + " experiences were ready";
  if (run.result()["staleness_mean"]) {
    caption += "; those trained on were made " +
               quantity(run.result()["staleness_mean"], As::number) +
               " versions of the weights before on the average, at most " +
               quantity(run.result()["staleness_max"], As::count);
  }
  return figure(drawing(picture::draw(chart)), caption + ".");
}

// What episodes brought while exploring.
Markup returns_of(const RunData& run) {
  picture::Series returns{.name = "mean return", .dots = false};
  for (const Place& batch : own_events(run, "batch")) {
    const auto value = batch["mean_return"].number();
    if (value) returns.points.push_back({.x = batch["updates"].number_or(0), .y = *value});
  }
  if (returns.points.size() < 2) return {};
  picture::Chart chart;
  chart.about = {name_of(run, "returns"), "Returns while learning",
                 "The mean return of the explorers' last episodes, over the updates."};
  chart.x = {.name = "updates", .least = 0};
  chart.y = {.name = "mean return", .least = 0};
  chart.series = {std::move(returns)};
  Markup caption = "The mean return of the explorers' last episodes";
  if (run.result()["mean_return"]) {
    caption += "; the finished policy, always taking the likeliest action, has ";
    caption += quantity(run.result()["mean_return"], As::number);
  }
  return figure(drawing(picture::draw(chart)), caption + ".");
}

// A search trains too, but waits for nobody's experiences.
Markup lanes_of_run(const RunData& run, Page& page) {
  if (run.verb() != "learn") return {};
  const Markup together = returns_of(run) + totals(run) + buffer_of(run);
  const Markup both = picture_from_trace(run, page);
  if (together.empty() || run.result()["rows"]) return both;
  return both + tag("div", {{"class", "figures"}}, together);
}

}  // namespace

void learn_lanes_section(const std::vector<RunData>& runs, Page& page) {
  section_of_each(runs, page, "learning", "Explorers, buffer and trainers", lanes_of_run);
}

}  // namespace podium::report
