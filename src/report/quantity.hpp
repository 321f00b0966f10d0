// How numbers are written in a page, and where they say they come from.
//
// A number is an element <data value="0.9233" data-key="/runs/0/events/7/val_accuracy"
// data-as="percent">92.33 %</data>: the value as the data has it, the place in the embedded data,
// and what a reader sees. Pure functions.
#pragma once

#include <string>

#include "report/markup.hpp"
#include "report/place.hpp"

namespace podium::report {

enum class As {
  percent,  // of a share: 92.33 %
  points,   // of a difference of shares: 0.40 points
  seconds,  // 34 ms, 1.2 s, 3.4 min, 2.5 h
  ms,       // milliseconds: 1.26 ms
  count,    // 60,000
  rate,     // 3 digits: 162,947 is 163 k
  bytes,    // 475 kB
  number,   // 4 digits
};

std::string written(double value, As as);
// The name in data-as.
std::string name_of(As as);

// As above; a dash for a Place that holds no number.
Markup quantity(const Place& place, As as);
// The same inside a picture: a <tspan>.
Markup svg_quantity(const Place& place, As as);

}  // namespace podium::report
