#include "bench/scaling_plot.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/text.hpp"

namespace podium::bench {
namespace {

constexpr double panel_width = 420;
constexpr double panel_height = 380;
constexpr double left = 64;
constexpr double top = 48;
constexpr double inner_width = panel_width - left - 24;
constexpr double inner_height = 264;
constexpr double bottom = top + inner_height;
constexpr double bar_half = 4;

// Told apart also by those who do not tell red from green, on white and on black.
constexpr std::array colours = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"};

constexpr const char* style =
    "<style>\n"
    "  svg { color: #222; background: #fff; font: 13px sans-serif; }\n"
    "  @media (prefers-color-scheme: dark) { svg { color: #ddd; background: #181818; } }\n"
    "  text { fill: currentColor; }\n"
    "  .axis { stroke: currentColor; fill: none; }\n"
    "  .grid { stroke: currentColor; opacity: 0.15; }\n"
    "  .ideal { stroke: currentColor; opacity: 0.6; stroke-dasharray: 6 4; fill: none; }\n"
    "  .series { fill: none; stroke-width: 2; }\n"
    "  .simulated { stroke-dasharray: 2 4; }\n"
    "</style>\n";

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

// From ranks and speed-ups to places, by their logarithms.
class Scale {
 public:
  explicit Scale(const std::vector<ScalingRow>& rows) {
    for (const ScalingRow& row : rows) {
      least_ranks_ = std::min(least_ranks_, static_cast<double>(row.ranks));
      most_ranks_ = std::max(most_ranks_, static_cast<double>(row.ranks));
      least_ = std::min(least_, row.speedup * row.images_per_s_least / row.images_per_s);
      most_ = std::max({most_, row.ideal, row.speedup});
    }
    most_ranks_ = std::max(most_ranks_, 2 * least_ranks_);
    most_ = std::max(2.0, most_);
    least_ = std::max(least_, most_ / 65536);
  }

  double x(double ranks) const {
    return left +
           inner_width * std::log2(ranks / least_ranks_) / std::log2(most_ranks_ / least_ranks_);
  }
  double y(double speedup) const {
    const double part = std::log2(std::max(speedup, least_) / least_) / std::log2(most_ / least_);
    return bottom - inner_height * std::min(part, 1.05);
  }
  double least_ranks() const { return least_ranks_; }
  double most_ranks() const { return most_ranks_; }
  double least() const { return least_; }
  double most() const { return most_; }

 private:
  double least_ranks_ = 1e9;
  double most_ranks_ = 1;
  double least_ = 1;
  double most_ = 1;
};

std::string line(const char* kind, double x1, double y1, double x2, double y2) {
  return format("<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n", kind, x1,
                y1, x2, y2);
}

std::string label(double x, double y, const char* anchor, const std::string& text) {
  return format("<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>\n", x, y, anchor,
                text.c_str());
}

std::string axes(const Scale& scale, const std::string& mode) {
  std::string svg = label(left + inner_width / 2, 24, "middle", mode + " scaling");
  for (double ranks = scale.least_ranks(); ranks <= scale.most_ranks(); ranks *= 2) {
    svg += line("grid", scale.x(ranks), top, scale.x(ranks), bottom);
    svg += label(scale.x(ranks), bottom + 18, "middle", format("%.0f", ranks));
  }
  for (double speed = std::exp2(std::ceil(std::log2(scale.least()))); speed <= scale.most();
       speed *= 2) {
    svg += line("grid", left, scale.y(speed), left + inner_width, scale.y(speed));
    svg += label(left - 8, scale.y(speed) + 4, "end", format("%g", speed));
  }
  svg += format("<path class=\"axis\" d=\"M%.1f %.1fV%.1fH%.1f\"/>\n", left, top, bottom,
                left + inner_width);
  svg += label(left + inner_width / 2, bottom + 38, "middle", "ranks");
  svg += format(
      "<text transform=\"translate(16 %.1f) rotate(-90)\" text-anchor=\"middle\">speed-up</text>\n",
      top + inner_height / 2);
  return svg;
}

std::string series(const std::vector<ScalingRow>& rows, const Scale& scale, const char* colour) {
  std::string points;
  std::string bars;
  for (const ScalingRow& row : rows) {
    const double x = scale.x(row.ranks);
    const double y = scale.y(row.speedup);
    const double low = scale.y(row.speedup * row.images_per_s_least / row.images_per_s);
    const double high = scale.y(row.speedup * row.images_per_s_most / row.images_per_s);
    points += format("%.1f,%.1f ", x, y);
    bars +=
        format("<path d=\"M%.1f %.1fh%.1fm%.1f 0V%.1fm%.1f 0h%.1f\" stroke=\"%s\"/>\n",
               x - bar_half, low, 2 * bar_half, -bar_half, high, -bar_half, 2 * bar_half, colour);
    bars += format("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>\n", x, y, colour);
  }
  const bool measured = rows.front().kind == "measured";
  return format("<polyline class=\"series%s\" stroke=\"%s\" points=\"%s\"/>\n",
                measured ? "" : " simulated", colour, points.c_str()) +
         bars;
}

std::string panel(const std::vector<ScalingRow>& rows, const std::string& mode, double offset) {
  const Scale scale(rows);
  std::string svg = format("<g transform=\"translate(%.0f 0)\">\n", offset) + axes(scale, mode);
  const double most = scale.most_ranks();
  svg += line("ideal", scale.x(scale.least_ranks()), scale.y(1), scale.x(most),
              scale.y(most / scale.least_ranks()));
  const std::vector<std::string> names = distinct(rows, series_name);
  for (size_t i = 0; i < names.size(); ++i) {
    std::vector<ScalingRow> own;
    std::ranges::copy_if(rows, std::back_inserter(own),
                         [&](const ScalingRow& row) { return series_name(row) == names[i]; });
    const char* colour = colours[i % colours.size()];
    svg += series(own, scale, colour);
    const double y = top + 14 + 18 * static_cast<double>(i);
    svg += format("<path d=\"M%.1f %.1fh18\" stroke=\"%s\" stroke-width=\"2\"%s/>\n", left + 10,
                  y - 4, colour, own.front().kind == "measured" ? "" : " stroke-dasharray=\"2 4\"");
    svg += label(left + 34, y, "start", names[i]);
  }
  return svg + "</g>\n";
}

}  // namespace

std::string scaling_plot(const std::vector<ScalingRow>& rows) {
  const std::vector<std::string> modes =
      distinct(rows, [](const ScalingRow& row) { return row.mode; });
  const double width = panel_width * static_cast<double>(std::max<size_t>(1, modes.size()));
  std::string svg = format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f "
      "%.0f\">\n<title>Speed-up over ranks; dashed: nothing lost</title>\n",
      width, panel_height, width, panel_height);
  svg += style;
  for (size_t i = 0; i < modes.size(); ++i) {
    std::vector<ScalingRow> own;
    std::ranges::copy_if(rows, std::back_inserter(own),
                         [&](const ScalingRow& row) { return row.mode == modes[i]; });
    svg += panel(own, modes[i], panel_width * static_cast<double>(i));
  }
  return svg + "</svg>\n";
}

}  // namespace podium::bench
