#include "picture/chart.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/text.hpp"

namespace podium::picture {
namespace {

constexpr double left = 52;
constexpr double right = 12;
constexpr double inner_width = chart_width - left - right;
constexpr double inner_height = 190;
constexpr double half_bar = 4;
constexpr int mark_lines = 3;
constexpr size_t colours = 6;

std::string line_of(size_t series, bool broken) {
  return format("series line-s%zu%s", series % colours, broken ? " broken" : "");
}

std::string dot_of(size_t series, bool pale) {
  return format("fill-s%zu%s", series % colours, pale ? " pale" : "");
}

// From numbers to shares of an axis.
class Scale {
 public:
  explicit Scale(const Axis& axis) : axis_(axis), least_(axis.least), most_(axis.most) {
    if (!linear() && least_ <= 0) least_ = 1e300;
  }
  void take(double value) {
    if (!std::isfinite(value) || (!linear() && value <= 0)) return;
    least_ = std::min(least_, value);
    most_ = std::max(most_, value);
  }
  // `round`: up to the next line behind the most.
  void settle(bool round) {
    if (linear()) {
      if (!(most_ > least_)) most_ = least_ + 1;
      const std::vector<double> found = lines(5);
      if (round && found.size() > 1 && found.back() < most_)
        most_ = 2 * found.back() - *(found.end() - 2);
      return;
    }
    if (most_ < least_) least_ = most_ = 1;
    if (axis_.scale == Axis::Scale::tenfold) {
      least_ = std::pow(10, std::floor(std::log10(least_) + 1e-9));
      most_ = std::pow(10, std::ceil(std::log10(most_) - 1e-9));
    }
    if (!(most_ > least_)) most_ = least_ * base();
  }
  double share(double value) const {
    if (linear()) return (value - least_) / (most_ - least_);
    return std::log(std::max(value, least_) / least_) / std::log(most_ / least_);
  }
  double least() const { return least_; }
  double most() const { return most_; }

  std::vector<double> lines(int at_most) const {
    if (linear()) {
      std::vector<double> found = ticks(least_, most_, at_most);
      if (axis_.whole) std::erase_if(found, [](double at) { return std::round(at) != at; });
      return found;
    }
    const double powers = std::log(most_ / least_) / std::log(base());
    const double step = std::max(1.0, std::ceil(powers / at_most));
    std::vector<double> found;
    for (double at = std::ceil(std::log(least_) / std::log(base()) - 1e-9);
         std::pow(base(), at) <= most_ * (1 + 1e-9); at += step) {
      found.push_back(std::pow(base(), at));
    }
    return found;
  }

 private:
  bool linear() const { return axis_.scale == Axis::Scale::linear; }
  double base() const { return axis_.scale == Axis::Scale::doubling ? 2 : 10; }

  const Axis& axis_;
  double least_;
  double most_;
};

class Drawing {
 public:
  Drawing(Svg& svg, const Chart& chart) : svg_(svg), chart_(chart), across_(chart.x), up_(chart.y) {
    for (const Series& series : chart.series) {
      for (const Point& point : series.points) {
        across_.take(point.x);
        for (const double y : {point.y, point.low, point.high}) {
          if (y == point.y || point.low < point.high) up_.take(y);
        }
      }
    }
    for (const Bar& bar : chart.bars) {
      for (const double x : {bar.from, bar.to}) across_.take(x);
      up_.take(bar.height);
    }
    for (const Limit& limit : chart.limits) up_.take(limit.at);
    for (const Ideal& ideal : chart.ideal) {
      for (const double y : {ideal.y1, ideal.y2}) up_.take(y);
    }
    across_.settle(false);
    up_.settle(true);
  }

  double draw() {
    double y = heading();
    y = names(y);
    top_ = marks(y);
    axes();
    for (const Ideal& ideal : chart_.ideal) {
      svg_.line(x(ideal.x1), this->y(ideal.y1), x(ideal.x2), this->y(ideal.y2), "ideal");
    }
    limits();
    for (const Bar& bar : chart_.bars) {
      svg_.rectangle(x(bar.from), this->y(bar.height), std::max(1.0, x(bar.to) - x(bar.from)),
                     bottom() - this->y(bar.height), "fill-s0", bar.tip);
    }
    for (size_t i = 0; i < chart_.series.size(); ++i) series(chart_.series[i], i);
    return bottom() + 38;
  }

 private:
  double x(double value) const { return left + inner_width * across_.share(value); }
  double y(double value) const { return top_ + inner_height * (1 - up_.share(value)); }
  double bottom() const { return top_ + inner_height; }

  double heading() {
    if (chart_.heading.empty()) return 0;
    svg_.text(left + inner_width / 2, 14, Anchor::middle, chart_.heading, "strong");
    return 22;
  }

  // Which colour is whose, in rows.
  double names(double y) {
    double x = 0;
    for (size_t i = 0; i < chart_.series.size(); ++i) {
      const Series& series = chart_.series[i];
      const double needed = 23 + text_width(series.name.text);
      if (x > 0 && x + needed > chart_width) {
        x = 0;
        y += line_height;
      }
      if (series.line) {
        svg_.line(x, y + 6, x + 18, y + 6, line_of(i, series.broken));
      } else {
        svg_.dot(x + 9, y + 6, 3, dot_of(i, series.pale));
      }
      svg_.text(x + 23, y + 10, Anchor::start, series.name);
      x += needed + 14;
    }
    return chart_.series.empty() ? y + 8 : y + line_height + 6;
  }

  double marks(double y) {
    const std::vector<int> lines =
        lines_of(chart_.marks, across_.least(), across_.most(), mark_lines, inner_width);
    const int used = lines.empty() ? 0 : *std::ranges::max_element(lines) + 1;
    const double below = y + line_height * used + (used > 0 ? 4 : 0);
    for (size_t i = 0; i < lines.size(); ++i) {
      const Mark& mark = chart_.marks[i];
      if (mark.at < across_.least() || mark.at > across_.most()) continue;
      svg_.line(x(mark.at), below - 2, x(mark.at), below + inner_height, "moment");
      if (lines[i] < 0) continue;
      const Anchor anchor = across_.share(mark.at) > 0.5 ? Anchor::end : Anchor::start;
      svg_.text(x(mark.at), y + line_height * lines[i] + 11, anchor, mark.words);
    }
    return below;
  }

  void axes() {
    for (const double at : across_.lines(6)) {
      svg_.line(x(at), top_, x(at), bottom(), "grid");
      const std::string text = short_number(at) + chart_.x.unit;
      const bool at_edge = x(at) + text_width(text) / 2 > chart_width;
      svg_.text(at_edge ? chart_width : x(at), bottom() + 16,
                at_edge ? Anchor::end : Anchor::middle, text, "faint");
    }
    for (const double at : up_.lines(5)) {
      svg_.line(left, y(at), left + inner_width, y(at), "grid");
      svg_.text(left - 6, y(at) + 4, Anchor::end, short_number(at) + chart_.y.unit, "faint");
    }
    svg_.path(format("M%.1f %.1fV%.1fH%.1f", left, top_, bottom(), left + inner_width), "axis");
    svg_.text(left + inner_width / 2, bottom() + 32, Anchor::middle, chart_.x.name, "faint");
    svg_.upright(12, top_ + inner_height / 2, chart_.y.name, "faint");
  }

  // Those that would be written over each other are moved apart.
  void limits() {
    double free_below = 1e300;
    std::vector<Limit> sorted = chart_.limits;
    std::ranges::sort(sorted, {}, &Limit::at);
    for (const Limit& limit : sorted) {
      svg_.line(left, y(limit.at), left + inner_width, y(limit.at), "ideal");
      const double text_y = std::min(y(limit.at) + 12, free_below);
      svg_.text(left + inner_width - 2, text_y, Anchor::end, limit.words, "faint");
      free_below = text_y - line_height + 2;
    }
  }

  void series(const Series& series, size_t number) {
    std::string points;
    for (const Point& point : series.points) {
      points += format("%.1f,%.1f ", x(point.x), y(point.y));
    }
    if (series.line && !points.empty()) {
      svg_.polyline(points, line_of(number, series.broken));
    }
    for (const Point& point : series.points) {
      if (point.low < point.high) {
        svg_.path(
            format("M%.1f %.1fh%.1fm%.1f 0V%.1fm%.1f 0h%.1f", x(point.x) - half_bar, y(point.low),
                   2 * half_bar, -half_bar, y(point.high), -half_bar, 2 * half_bar),
            line_of(number, false));
      }
      if (series.dots) {
        svg_.dot(x(point.x), y(point.y), 3, dot_of(number, series.pale), point.tip, point.key);
      }
    }
  }

  Svg& svg_;
  const Chart& chart_;
  Scale across_;
  Scale up_;
  double top_ = 0;
};

}  // namespace

double draw(Svg& svg, const Chart& chart) {
  return Drawing(svg, chart).draw();
}

std::string draw(const Chart& chart) {
  Svg svg;
  const double height = draw(svg, chart);
  return svg.scaled(chart.about, chart_width, height);
}

std::string draw_document(const About& about, const std::vector<Chart>& charts) {
  constexpr double margin = 12;
  Svg svg;
  double height = 0;
  for (size_t i = 0; i < charts.size(); ++i) {
    svg.open(margin + (chart_width + 2 * margin) * static_cast<double>(i), margin);
    height = std::max(height, draw(svg, charts[i]));
    svg.close();
  }
  const double count = static_cast<double>(std::max<size_t>(1, charts.size()));
  return svg.document(about, count * (chart_width + 2 * margin), height + 2 * margin);
}

std::string short_number(double value) {
  const double size = std::abs(value);
  if (size >= 1e9) return format("%gG", value / 1e9);
  if (size >= 1e6) return format("%gM", value / 1e6);
  if (size >= 1e4) return format("%gk", value / 1e3);
  return format("%g", size < 1e-12 ? 0 : value);
}

std::string bytes_text(double bytes) {
  constexpr std::array<const char*, 5> units = {"B", "KB", "MB", "GB", "TB"};
  size_t unit = 0;
  while (bytes >= 1000 && unit + 1 < units.size()) {
    bytes /= 1000;
    ++unit;
  }
  return format(unit == 0 || bytes >= 100 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
}

}  // namespace podium::picture
