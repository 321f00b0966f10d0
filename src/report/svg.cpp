#include "report/svg.hpp"

#include <algorithm>
#include <cmath>

#include "core/text.hpp"

namespace podium::report::svg {
namespace {

constexpr double character_width = 7.2;  // of the font of pictures, on the average
constexpr double row_height = 20;
constexpr double swatch = 12;

double entry_width(const LegendEntry& entry) {
  return swatch + 24 + character_width * static_cast<double>(entry.name.size());
}

// Where each entry stands.
std::vector<Point> places(const std::vector<LegendEntry>& entries, double width) {
  std::vector<Point> found;
  Point at;
  for (const LegendEntry& entry : entries) {
    if (at.x > 0 && at.x + entry_width(entry) > width) at = {0, at.y + row_height};
    found.push_back(at);
    at.x += entry_width(entry);
  }
  return found;
}

double nice_step(double range, int ticks) {
  const double rough = range / std::max(1, ticks);
  const double power = std::pow(10, std::floor(std::log10(rough)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= rough * 0.999) return factor * power;
  }
  return 10 * power;
}

}  // namespace

Markup picture(double width, double height, const std::string& title,
               const std::string& description, const Markup& content) {
  const Markup about = tag("title", title) + tag("desc", description);
  return tag("svg",
             {{"viewBox", format("0 0 %g %g", width, height)},
              {"role", "img"},
              {"aria-label", title},
              {"style", format("max-width:%gpx", 1.25 * width)}},
             about + content);
}

Markup line(const std::string& classes, double x1, double y1, double x2, double y2) {
  return leaf("line", {{"class", classes}, {"x1", x1}, {"y1", y1}, {"x2", x2}, {"y2", y2}});
}

Markup rectangle(const std::string& classes, double x, double y, double width, double height,
                 const Markup& hint) {
  const Attributes attributes = {
      {"class", classes}, {"x", x}, {"y", y}, {"width", width}, {"height", height}};
  return hint.empty() ? leaf("rect", attributes) : tag("rect", attributes, tag("title", hint));
}

Markup text(double x, double y, const char* anchor, const Markup& content,
            const std::string& classes) {
  Attributes attributes = {{"x", x}, {"y", y}, {"text-anchor", anchor}};
  if (!classes.empty()) attributes.emplace_back("class", classes);
  return tag("text", attributes, content);
}

Markup group(const std::string& transform, const Markup& content) {
  return tag("g", {{"transform", transform}}, content);
}

Markup polyline(const std::string& classes, const std::vector<Point>& points) {
  std::string list;
  for (const Point& point : points) list += format("%.1f,%.1f ", point.x, point.y);
  if (!list.empty()) list.pop_back();
  return leaf("polyline", {{"class", classes}, {"points", list}});
}

Markup legend(const std::vector<LegendEntry>& entries, double x, double y, double width) {
  Markup all;
  const std::vector<Point> at = places(entries, width);
  for (size_t i = 0; i < entries.size(); ++i) {
    all += rectangle(entries[i].classes, x + at[i].x, y + at[i].y, swatch, swatch);
    all += text(x + at[i].x + swatch + 6, y + at[i].y + swatch - 1, "start", entries[i].name);
  }
  return all;
}

double legend_height(const std::vector<LegendEntry>& entries, double width) {
  return entries.empty() ? 0 : places(entries, width).back().y + row_height;
}

Scale::Scale(double least, double most, double begin, double end, int ticks)
    : begin_(begin), end_(end) {
  if (!(most > least)) {
    const double room = least == 0 ? 1 : std::abs(least) * 0.1;
    least -= room;
    most += room;
  }
  step_ = nice_step(most - least, ticks);
  least_ = std::floor(least / step_ + 1e-9) * step_;
  most_ = std::ceil(most / step_ - 1e-9) * step_;
  const auto count = static_cast<int>(std::lround((most_ - least_) / step_));
  for (int i = 0; i <= count; ++i) ticks_.push_back(least_ + i * step_);
}

std::string Scale::text(double tick) const {
  const int decimals = std::max(0, static_cast<int>(std::ceil(-std::log10(step_) - 1e-9)));
  return format("%.*f", decimals, std::abs(tick) < step_ * 1e-6 ? 0.0 : tick);
}

}  // namespace podium::report::svg
