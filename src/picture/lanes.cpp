#include "picture/lanes.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "core/text.hpp"

namespace podium::picture {
namespace {

constexpr double row_height = 12;
constexpr double row_step = 14;
constexpr double lane_gap = 6;
constexpr int mark_lines = 4;
constexpr double least_share = 0.0006;  // of the width, so that a stretch is seen at all

class Drawing {
 public:
  explicit Drawing(const LanesPicture& picture)
      : picture_(picture), length_(std::max(picture.end - picture.begin, 1e-12)) {}

  // The height of what was drawn.
  double draw(Svg& svg) {
    double y = draw_legend(svg, picture_.legend, 0, narrowest_page) + 4;
    y = marks(svg, y);
    const double first = y;
    for (const Lane& lane : picture_.lanes) y = this->lane(svg, lane, y);
    for (const Mark& mark : picture_.marks) {
      if (inside(mark.at)) svg.line(across(mark.at), first - 4, across(mark.at), y, "moment");
    }
    return axis(svg, y);
  }

 private:
  bool inside(double time) const { return time >= picture_.begin && time <= picture_.end; }
  double share(double time) const { return (time - picture_.begin) / length_; }
  Across across(double time) const { return Across::of_width(share(time)); }

  double marks(Svg& svg, double y) const {
    const std::vector<int> lines =
        lines_of(picture_.marks, picture_.begin, picture_.end, mark_lines, narrowest_page);
    int used = 0;
    for (size_t i = 0; i < lines.size(); ++i) {
      if (lines[i] < 0) continue;
      const Mark& mark = picture_.marks[i];
      const Anchor anchor = share(mark.at) > 0.5 ? Anchor::end : Anchor::start;
      svg.text(across(mark.at), y + line_height * lines[i] + 11, anchor, mark.words);
      used = std::max(used, lines[i] + 1);
    }
    return y + line_height * used + (used > 0 ? 4 : 0);
  }

  double lane(Svg& svg, const Lane& lane, double y) const {
    svg.text(0, y + 11, Anchor::start, lane.name);
    y += line_height;
    for (const Stretch& stretch : lane.stretches) {
      const double begin = std::max(stretch.begin, picture_.begin);
      const double end = std::min(stretch.end, picture_.end);
      if (end < begin) continue;
      svg.rectangle(across(begin), y + row_step * stretch.row,
                    Across::of_width(std::max((end - begin) / length_, least_share)), row_height,
                    stretch.kind, stretch.tip);
    }
    return y + row_step * lane.rows + lane_gap;
  }

  double axis(Svg& svg, double y) const {
    svg.line(0, y, Across::of_width(1), y, "axis");
    for (const double tick : ticks(picture_.begin, picture_.end, 4)) {
      const double at = share(tick);
      svg.line(across(tick), y, across(tick), y + 4, "axis");
      const Anchor anchor = at < 0.08 ? Anchor::start : at > 0.92 ? Anchor::end : Anchor::middle;
      svg.text(across(tick), y + 16, anchor, format("%g ", tick) + picture_.unit, "faint");
    }
    return y + 22;
  }

  const LanesPicture& picture_;
  double length_;
};

}  // namespace

void span_all(LanesPicture& picture, bool from_zero) {
  double begin = from_zero ? 0 : 1e300;
  double end = -1e300;
  const auto take = [&](double from, double to) {
    begin = std::min(begin, from);
    end = std::max(end, to);
  };
  for (const Lane& lane : picture.lanes) {
    for (const Stretch& stretch : lane.stretches) take(stretch.begin, stretch.end);
  }
  for (const Mark& mark : picture.marks) take(mark.at, mark.at);
  picture.begin = end < begin ? 0 : begin;
  picture.end = end < begin ? 0 : end;
}

void fold(std::vector<Lane>& lanes, size_t most) {
  if (lanes.size() <= most) return;
  const size_t left_out = lanes.size() - most + 1;
  lanes.resize(most - 1);
  lanes.push_back(
      {.name = format("and %zu more like these", left_out), .stretches = {}, .rows = 0});
}

void join_close(std::vector<Stretch>& stretches, double gap) {
  std::ranges::stable_sort(stretches, {}, &Stretch::begin);
  std::map<std::pair<int, std::string>, std::pair<size_t, int>> last;  // place, how many it holds
  std::vector<Stretch> joined;
  for (Stretch& stretch : stretches) {
    const auto key = std::make_pair(stretch.row, stretch.kind);
    const auto found = last.find(key);
    const bool small = stretch.end - stretch.begin < gap;
    if (found != last.end() && small && stretch.begin - joined[found->second.first].end < gap) {
      auto& [place, held] = found->second;
      joined[place].end = std::max(joined[place].end, stretch.end);
      joined[place].tip = format("%d short ones, the last: ", ++held) + stretch.tip;
      continue;
    }
    last[key] = {joined.size(), 1};
    joined.push_back(std::move(stretch));
  }
  stretches = std::move(joined);
}

std::string draw(const LanesPicture& picture) {
  Svg svg;
  const double height = Drawing(picture).draw(svg);
  return svg.stretched(picture.about, height);
}

std::string draw_document(const LanesPicture& picture, double width) {
  constexpr double margin = 12;
  Svg svg;
  const double height = Drawing(picture).draw(svg);
  return svg.framed(picture.about, width, height, margin);
}

std::vector<int> lines_of(const std::vector<Mark>& marks, double begin, double end, int most,
                          double narrowest) {
  const double length = std::max(end - begin, 1e-12);
  std::vector<std::vector<std::pair<double, double>>> taken(static_cast<size_t>(most));
  std::vector<int> lines;
  for (const Mark& mark : marks) {
    lines.push_back(-1);
    if (mark.at < begin || mark.at > end) continue;
    const double share = (mark.at - begin) / length;
    const double width = text_width(mark.words.text) + 8;
    const double left = share * narrowest - (share > 0.5 ? width : 0);
    if (left < -8 || left + width > narrowest + 8) continue;
    for (int line = 0; line < most && lines.back() < 0; ++line) {
      auto& others = taken[static_cast<size_t>(line)];
      const bool free = std::ranges::all_of(others, [&](const auto& other) {
        return left >= other.second || left + width <= other.first;
      });
      if (!free) continue;
      others.emplace_back(left, left + width);
      lines.back() = line;
    }
  }
  return lines;
}

std::vector<double> ticks(double begin, double end, int most) {
  const double length = end - begin;
  if (!(length > 0)) return {begin};
  double step = std::pow(10, std::floor(std::log10(length)));
  for (const double part : {0.1, 0.2, 0.5, 1.0, 2.0, 5.0}) {
    if (length / (step * part) > most) continue;
    step *= part;
    break;
  }
  std::vector<double> found;
  for (double at = std::ceil(begin / step - 1e-9); at * step <= end * (1 + 1e-12) + 1e-300; ++at) {
    found.push_back(at * step + 0.0);  // not -0
  }
  return found;
}

}  // namespace podium::picture
