// The service: how fast it answered, and what happened to its replicas meanwhile.
#include <algorithm>
#include <cmath>
#include <map>

#include "core/text.hpp"
#include "picture/chart.hpp"
#include "report/drawn.hpp"
#include "report/sections.hpp"

namespace podium::report {
namespace {

// Events of the service that a reader wants to see in its curves.
std::vector<picture::Mark> marks_of(const RunData& run) {
  std::vector<picture::Mark> marks;
  for (const Place& died : own_events(run, "replica_died")) {
    marks.push_back({died["t_s"].number_or(0), "died"});
  }
  for (const Place& started : own_events(run, "replica_started")) {
    if (started["restarts"].number_or(0) > 0) {
      marks.push_back({started["t_s"].number_or(0), "back"});
    }
  }
  for (const Place& swapped : own_events(run, "swapped")) {
    marks.push_back({swapped["t_s"].number_or(0), told("v", swapped["version"], As::count)});
  }
  std::ranges::stable_sort(marks, {}, &picture::Mark::at);
  return marks;
}

double rate_of(const Place& interval, const char* key) {
  const double seconds = interval["seconds"].number_or(0);
  return seconds > 0 ? interval[key].number_or(0) / seconds : 0;
}

picture::Chart timeline(const RunData& run, const char* name, const char* title, const char* unit) {
  picture::Chart chart;
  chart.about = {name_of(run, name), title,
                 "Over the life of the service, with deaths, returns and new versions marked."};
  chart.x = {.name = "seconds since the start of the job"};
  chart.y = {.name = unit, .least = 0};
  chart.marks = marks_of(run);
  return chart;
}

picture::Series series_of(const std::string& name, const std::vector<Place>& intervals,
                          const std::function<double(const Place&)>& value) {
  picture::Series series{.name = name, .dots = intervals.size() < 40};
  for (const Place& interval : intervals) {
    series.points.push_back({.x = interval["t_s"].number_or(0), .y = value(interval)});
  }
  return series;
}

Markup timelines(const RunData& run, const std::vector<Place>& intervals) {
  if (intervals.empty()) return {};
  picture::Chart rates = timeline(run, "rates", "Requests a second", "requests a second");
  rates.series = {
      series_of("answered", intervals, [](const Place& one) { return rate_of(one, "requests"); }),
      series_of("failed", intervals, [](const Place& one) { return rate_of(one, "failed"); })};
  picture::Chart latencies = timeline(run, "latencies", "Latency", "milliseconds");
  for (const char* key : {"p99_ms", "p50_ms"}) {
    latencies.series.push_back(
        series_of(std::string(key).substr(0, 3), intervals,
                  [key](const Place& one) { return one[key].number_or(0); }));
  }
  const auto slowest = std::ranges::max_element(
      intervals, {}, [](const Place& one) { return one["p99_ms"].number_or(0); });
  Markup caption = "In the slowest interval 1 % of the requests took longer than " +
                   quantity((*slowest)["p99_ms"], As::ms) + ".";
  return figure(drawing(picture::draw(rates)), "Requests answered in each interval.") +
         figure(drawing(picture::draw(latencies)), caption);
}

// Where the bucket begins that ends at `edge_ms`: edges are 1 and 1.5 times powers of two of
// nanoseconds.
double begin_of(double edge_ms) {
  const double power = std::log2(edge_ms * 1e6);
  return std::abs(power - std::round(power)) < 1e-6 ? edge_ms * 0.75 : edge_ms / 1.5;
}

Markup histogram(const RunData& run, const std::vector<Place>& intervals, Page& page) {
  std::map<double, double> counts;  // by the edge where a bucket ends
  for (const Place& interval : intervals) {
    const Place buckets = interval["latencies"];
    for (size_t i = 0; i < buckets.size(); ++i) {
      const double edge_ms = buckets[i][size_t{0}].number_or(0);
      if (edge_ms > 0) counts[edge_ms] += buckets[i][size_t{1}].number_or(0);
    }
  }
  if (counts.empty()) return {};
  picture::Chart chart;
  chart.about = {name_of(run, "histogram"), "How long answers took",
                 "A bar for each range of latencies, as high as answers fell into it."};
  chart.x = {.name = "milliseconds", .scale = picture::Axis::Scale::tenfold};
  chart.y = {.name = "answers", .least = 0};
  for (const auto& [edge_ms, count] : counts) {
    const double begin = begin_of(edge_ms);
    chart.bars.push_back({begin, edge_ms, count,
                          format("%.3g to %.3g ms: ", begin, edge_ms) + written(count, As::count)});
  }
  const auto most =
      std::ranges::max_element(counts, {}, [](const auto& one) { return one.second; });
  Markup caption = "Most answers took ";
  caption += page.derived(name_of(run, "most-from"), begin_of(most->first), As::ms) + " to ";
  caption += page.derived(name_of(run, "most-to"), most->first, As::ms);
  return figure(drawing(picture::draw(chart)), caption + ".");
}

// What `serve` ends with, or what each serving rank of a job told when it was drained.
Place stats_of(const RunData& run) {
  const Place result = run.result();
  if (result["p99_ms"]) return result;
  Place most;
  for (const Place& drained : own_events(run, "drained")) {
    const Place stats = drained["stats"];
    if (!most || stats["requests"].number_or(0) > most["requests"].number_or(0)) most = stats;
  }
  return most;
}

Markup sentence(const RunData& run, const Place& stats, Page& page) {
  Markup text = quantity(stats["requests"], As::count) + " requests were answered, ";
  text += quantity(stats["failed"], As::count) + " failed; half within ";
  text += quantity(stats["p50_ms"], As::ms) + ", 99 % within ";
  text += quantity(stats["p99_ms"], As::ms) + ". The model was swapped ";
  text += quantity(stats["swaps"], As::count);
  text += stats["swaps"].number_or(0) == 1 ? " time" : " times";
  if (stats["swap_ms"].number_or(0) > 0) {
    text += ", the last time within " + quantity(stats["swap_ms"], As::ms);
  }
  const size_t deaths = own_events(run, "replica_died").size();
  if (deaths > 0) {
    text += "; " + page.derived(name_of(run, "replica-deaths"), deaths, As::count) +
            (deaths == 1 ? " replica" : " replicas") + " died";
  }
  return tag("p", text + ".");
}

Markup serving_of_run(const RunData& run, Page& page) {
  const std::vector<Place> intervals = own_events(run, "service");
  const Place stats = stats_of(run);
  Markup all;
  if (stats["requests"].number_or(0) > 0) all += sentence(run, stats, page);
  const Markup charts = histogram(run, intervals, page) + timelines(run, intervals);
  if (!charts.empty()) all += tag("div", {{"class", "figures"}}, charts);
  return all;
}

}  // namespace

void serving_section(const std::vector<RunData>& runs, Page& page) {
  section_of_each(runs, page, "serving", "Serving", serving_of_run);
}

}  // namespace podium::report
