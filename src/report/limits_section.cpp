// What `bench allreduce` and `bench scaling` measured, beside what nothing exceeds.
#include <algorithm>
#include <map>

#include "picture/chart.hpp"
#include "report/drawn.hpp"
#include "report/sections.hpp"

namespace podium::report {
namespace {

using picture::Axis;

// The rows of a benchmark of this name.
Place rows_of(const RunData& run, const std::string& what) {
  const Place result = run.result();
  return result["what"].text() == what ? result["rows"] : Place();
}

std::vector<std::string> distinct(const Place& rows, const char* key) {
  std::vector<std::string> names;
  for (size_t i = 0; i < rows.size(); ++i) {
    const std::string name = rows[i][key].text();
    if (std::ranges::count(names, name) == 0) names.push_back(name);
  }
  return names;
}

// Sums of one type, as they travel uncompressed, are one chart's.
struct Bus {
  std::map<std::string, picture::Series> algorithms;
  std::vector<std::string> order;
  picture::Series peer{.name = "Open MPI's fastest"};
  double limit = 0;
  Place best;  // row
};

double bus_of(const Place& row, const char* time) {
  const double other = row[time].number_or(0);
  return other > 0 ? row["busbw_gb_per_s"].number_or(0) * row["ours"].number_or(0) / other : 0;
}

Bus bus_from(const Place& rows) {
  Bus bus;
  std::map<double, double> peer;
  for (size_t i = 0; i < rows.size(); ++i) {
    const Place row = rows[i];
    if (row["type"].text("float") != "float" || row["wire"].text("fp32") != "fp32") continue;
    const std::string name = row["algorithm"].text();
    const std::string series = name.starts_with("auto") ? "auto" : name;
    if (!bus.algorithms.contains(series)) bus.order.push_back(series);
    const double speed = row["busbw_gb_per_s"].number_or(0);
    bus.algorithms[series].name = series;
    bus.algorithms[series].points.push_back(
        {.x = row["bytes"].number_or(0), .y = speed, .tip = row["what"].text()});
    peer[row["bytes"].number_or(0)] = bus_of(row, "theirs");
    bus.limit = std::max(bus.limit, bus_of(row, "limit"));
    if (!bus.best || speed > bus.best["busbw_gb_per_s"].number_or(0)) bus.best = row;
  }
  for (const auto& [bytes, speed] : peer) bus.peer.points.push_back({.x = bytes, .y = speed});
  return bus;
}

Markup allreduce_of_run(const RunData& run, Page& page) {
  const Place rows = rows_of(run, "allreduce");
  if (rows.size() == 0) return {};
  Bus bus = bus_from(rows);
  if (!bus.best) return {};
  picture::Chart chart;
  chart.about = {name_of(run, "busbw"), "Bus bandwidth of AllReduce",
                 "A line for each algorithm over the size of what is summed, and what copying "
                 "memory allows."};
  chart.x = {.name = "bytes summed", .scale = Axis::Scale::tenfold, .unit = "B"};
  chart.y = {.name = "bus bandwidth, GB/s", .least = 0};
  for (const std::string& name : bus.order) chart.series.push_back(bus.algorithms[name]);
  bus.peer.broken = true;
  chart.series.push_back(bus.peer);
  Markup caption = "The fastest sum, of ";
  caption += quantity(bus.best["bytes"], As::bytes) + " by " + bus.best["algorithm"].text();
  caption += ", moved " + quantity(bus.best["busbw_gb_per_s"], As::number) + " GB/s, ";
  caption += quantity(bus.best["ratio"], As::number) + " times Open MPI's fastest";
  if (bus.limit > 0) {
    const Place limit = page.keep(name_of(run, "busbw-limit"), bus.limit);
    chart.limits.push_back(
        {bus.limit, told("limit: copying memory, ", limit, As::number, " GB/s")});
    caption += "; copying memory allows " + quantity(limit, As::number) + " GB/s";
  }
  return figure(drawing(picture::draw(chart)), caption + ".");
}

struct Panel {
  picture::Chart chart;
  Place worst;  // the row of the least efficiency
};

picture::Point scaling_point(const Place& row) {
  const double speedup = row["speedup"].number_or(0);
  const double ours = row["ours"].number_or(0);
  const double scale = ours > 0 ? speedup / ours : 0;
  return {.x = row["ranks"].number_or(0),
          .y = speedup,
          .low = row["least"].number_or(0) * scale,
          .high = row["most"].number_or(0) * scale,
          .tip = row["what"].text()};
}

std::string series_of(const Place& row) {
  const std::string kind = row["kind"].text("measured");
  return kind == "measured" ? row["model"].text() : row["model"].text() + " (" + kind + ")";
}

Panel panel_of(const Place& rows, const std::string& mode) {
  Panel panel;
  picture::Chart& chart = panel.chart;
  chart.heading = mode + " scaling";
  chart.x = {.name = "ranks", .scale = Axis::Scale::doubling};
  chart.y = {.name = "speed-up", .scale = Axis::Scale::doubling, .least = 1, .most = 1};
  double least = 1e300;
  double most = 1;
  for (size_t i = 0; i < rows.size(); ++i) {
    const Place row = rows[i];
    if (row["mode"].text() != mode) continue;
    const std::string name = series_of(row);
    auto series = std::ranges::find(chart.series, name,
                                    [](const picture::Series& one) { return one.name.text; });
    if (series == chart.series.end()) {
      series = chart.series.insert(chart.series.end(), picture::Series{.name = name});
      series->broken = name != row["model"].text();
    }
    series->points.push_back(scaling_point(row));
    least = std::min(least, series->points.back().x);
    most = std::max(most, series->points.back().x);
    const double efficiency = row["efficiency"].number_or(1);
    if (!panel.worst || efficiency < panel.worst["efficiency"].number_or(1)) panel.worst = row;
  }
  chart.ideal.push_back({least, 1, most, most / least});
  return panel;
}

Markup scaling_of_run(const RunData& run, Page&) {
  const Place rows = rows_of(run, "scaling");
  Markup figures;
  for (const std::string& mode : distinct(rows, "mode")) {
    Panel panel = panel_of(rows, mode);
    panel.chart.about = {name_of(run, "scaling-" + mode),
                         "Speed-up over ranks, " + mode + " scaling",
                         "A line for each model, with bars from the slowest to the fastest "
                         "repetition; dashed: nothing lost."};
    const Place worst = panel.worst;
    Markup caption = "Dashed: nothing lost. Least efficient: " + worst["model"].text() + " on ";
    caption += quantity(worst["ranks"], As::count) + " ranks, ";
    caption += quantity(worst["speedup"], As::number) + " times the speed of the fewest (";
    caption += quantity(worst["efficiency"], As::percent) + ")";
    if (worst["exposed_comm_share"]) {
      caption += ", " + quantity(worst["exposed_comm_share"], As::percent);
      caption += " of the time in communication that nothing hides";
    }
    figures += figure(drawing(picture::draw(panel.chart)), caption + ".");
  }
  return figures.empty() ? figures : tag("div", {{"class", "figures"}}, figures);
}

}  // namespace

void allreduce_section(const std::vector<RunData>& runs, Page& page) {
  section_of_each(runs, page, "allreduce", "AllReduce against its limits", allreduce_of_run);
}

void scaling_section(const std::vector<RunData>& runs, Page& page) {
  section_of_each(runs, page, "scaling", "Scaling", scaling_of_run);
}

}  // namespace podium::report
