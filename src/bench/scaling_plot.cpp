#include "bench/scaling_plot.hpp"

#include <algorithm>
#include <iterator>

#include "picture/chart.hpp"

namespace podium::bench {
namespace {

template <typename Key>
std::vector<std::string> distinct(const std::vector<ScalingRow>& rows, Key key) {
  std::vector<std::string> names;
  for (const ScalingRow& row : rows) {
    const std::string name = key(row);
    if (std::ranges::count(names, name) == 0) names.push_back(name);
  }
  return names;
}

std::string series_name(const ScalingRow& row) {
  return row.kind == "measured" ? row.model : row.model + " (" + row.kind + ")";
}

picture::Series series(const std::vector<ScalingRow>& rows, const std::string& name) {
  picture::Series series{.name = name, .points = {}, .broken = rows.front().kind != "measured"};
  for (const ScalingRow& row : rows) {
    const double of_mean = row.speedup / row.images_per_s;
    series.points.push_back({.x = static_cast<double>(row.ranks),
                             .y = row.speedup,
                             .low = row.images_per_s_least * of_mean,
                             .high = row.images_per_s_most * of_mean,
                             .tip = {}});
  }
  return series;
}

picture::Chart panel(const std::vector<ScalingRow>& rows, const std::string& mode) {
  picture::Chart chart;
  chart.heading = mode + " scaling";
  const auto [least, most] = std::ranges::minmax(rows, {}, &ScalingRow::ranks);
  chart.x = {.name = "ranks",
             .scale = picture::Axis::Scale::doubling,
             .least = static_cast<double>(least.ranks),
             .most = std::max<double>(most.ranks, 2.0 * least.ranks)};
  chart.y = {.name = "speed-up", .scale = picture::Axis::Scale::doubling, .least = 1, .most = 1};
  chart.ideal.push_back({chart.x.least, 1, chart.x.most, chart.x.most / chart.x.least});
  for (const std::string& name : distinct(rows, series_name)) {
    std::vector<ScalingRow> own;
    std::ranges::copy_if(rows, std::back_inserter(own),
                         [&](const ScalingRow& row) { return series_name(row) == name; });
    chart.series.push_back(series(own, name));
  }
  return chart;
}

}  // namespace

std::string scaling_plot(const std::vector<ScalingRow>& rows) {
  std::vector<picture::Chart> panels;
  for (const std::string& mode : distinct(rows, [](const ScalingRow& row) { return row.mode; })) {
    std::vector<ScalingRow> own;
    std::ranges::copy_if(rows, std::back_inserter(own),
                         [&](const ScalingRow& row) { return row.mode == mode; });
    panels.push_back(panel(own, mode));
  }
  return picture::draw_document({"scaling", "Speed-up over ranks",
                                 "A line for each model, with bars from the slowest to the fastest "
                                 "repetition; dashed: nothing lost."},
                                panels);
}

}  // namespace podium::bench
