// Chart: lines and points over two axes, with their spread, limits and marks. Pure.
#pragma once

#include <string>
#include <vector>

#include "picture/lanes.hpp"
#include "picture/svg.hpp"

namespace podium::picture {

struct Point {
  double x = 0;
  double y = 0;
  double low = 0;  // the spread; drawn where low < high
  double high = 0;
  std::string tip = {};
  std::string key = {};  // where in the data of a page it stands
};

struct Series {
  Words name = {};
  std::vector<Point> points = {};  // ascending x
  bool line = true;
  bool dots = true;
  bool broken = false;  // a dotted line: of what was not measured, but worked out
  bool pale = false;    // dots in the background
};

struct Axis {
  enum class Scale { linear, doubling, tenfold };
  std::string name = {};
  Scale scale = Scale::linear;
  // Drawn at least from here to there; what is in the series is drawn in any case.
  double least = 0;
  double most = 0;
  bool whole = false;     // of whole numbers, which alone are written
  std::string unit = {};  // behind every number of the axis: "", "B", ...
};

// A level that nothing exceeds, across the chart.
struct Limit {
  double at = 0;
  Words words = {};
};

// From one point to another; where nothing would be lost.
struct Ideal {
  double x1 = 0, y1 = 0, x2 = 0, y2 = 0;
};

struct Bar {
  double from = 0;  // on the x axis
  double to = 0;
  double height = 0;
  std::string tip = {};
};

struct Chart {
  About about = {};
  std::string heading = {};  // inside the picture; empty: none
  Axis x = {};
  Axis y = {};
  std::vector<Series> series = {};
  std::vector<Bar> bars = {};
  std::vector<Limit> limits = {};
  std::vector<Ideal> ideal = {};
  std::vector<Mark> marks = {};  // along x
};

inline constexpr double chart_width = 400;

// Draws `chart` into `svg`, chart_width wide; its height.
double draw(Svg& svg, const Chart& chart);
// As a part of a page.
std::string draw(const Chart& chart);
// Several beside each other, as a file of its own.
std::string draw_document(const About& about, const std::vector<Chart>& charts);

// A number as axes tell it: 1200 as "1.2k".
std::string short_number(double value);
// Bytes as people read them: "19.5 KB", "1.2 GB", in powers of 1000.
std::string bytes_text(double bytes);

}  // namespace podium::picture
