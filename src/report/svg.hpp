// The parts of which pictures are made: SVG as Markup, with colours by classes (page_style.hpp).
//
// A picture is as wide as its place on the page: its units are pixels at its own width and shrink
// with it, so that one of 420 is still read on a phone. Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "report/markup.hpp"

namespace podium::report::svg {

// A whole picture of `width` by `height`. `title` and `description` are what those hear who do not
// see it.
Markup picture(double width, double height, const std::string& title,
               const std::string& description, const Markup& content);

Markup line(const std::string& classes, double x1, double y1, double x2, double y2);
// `hint` is shown when the pointer rests on it; may be empty.
Markup rectangle(const std::string& classes, double x, double y, double width, double height,
                 const Markup& hint = {});
// `anchor`: start, middle or end.
Markup text(double x, double y, const char* anchor, const Markup& content,
            const std::string& classes = "");
Markup group(const std::string& transform, const Markup& content);

struct Point {
  double x = 0;
  double y = 0;
};
Markup polyline(const std::string& classes, const std::vector<Point>& points);

// What colours mean, one entry after the other, in rows of up to `width`.
struct LegendEntry {
  std::string classes;  // of its square
  std::string name;
};
Markup legend(const std::vector<LegendEntry>& entries, double x, double y, double width);
// How high that is.
double legend_height(const std::vector<LegendEntry>& entries, double width);

// A linear scale from values to places, with ticks at 1, 2 or 5 times a power of ten.
class Scale {
 public:
  // From `least` to `most`, rounded outwards to ticks, of which there are about `ticks`, onto
  // `begin` to `end`.
  Scale(double least, double most, double begin, double end, int ticks);

  double at(double value) const {
    return begin_ + (end_ - begin_) * (value - least_) / (most_ - least_);
  }
  const std::vector<double>& ticks() const { return ticks_; }
  double least() const { return least_; }
  double most() const { return most_; }
  // A tick as text, with as many decimals as tell ticks apart.
  std::string text(double tick) const;

 private:
  double least_;
  double most_;
  double begin_;
  double end_;
  double step_ = 1;
  std::vector<double> ticks_;
};

}  // namespace podium::report::svg
