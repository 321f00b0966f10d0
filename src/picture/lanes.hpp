// Lanes: who did what when, one below the other, time from left to right on one scale.
//
// A lane has a line of words and below it one or more rows of stretches. Pictures of a page are as
// wide as the page: then all places across are shares of the width. Pure.
#pragma once

#include <string>
#include <vector>

#include "picture/svg.hpp"

namespace podium::picture {

struct Stretch {
  double begin = 0;  // in the picture's unit
  double end = 0;
  std::string kind = {};  // a class: "fill-train"
  std::string tip = {};   // shown where the pointer rests
  int row = 0;
};

struct Lane {
  Words name = {};
  std::vector<Stretch> stretches = {};
  int rows = 1;
};

// A moment, as a line through all lanes.
struct Mark {
  double at = 0;
  Words words = {};
};

struct LanesPicture {
  About about = {};
  std::vector<Meaning> legend = {};
  std::vector<Lane> lanes = {};
  std::vector<Mark> marks = {};
  std::string unit = {};  // of all times, "ms"
  // What is drawn; by window_of() all there is.
  double begin = 0;
  double end = 0;
};

// Sets begin and end to what stretches and marks span; begin is not above 0 where `from_zero`.
void span_all(LanesPicture& picture, bool from_zero);

// Lanes beyond `most` become one that says how many there were; its rows stay empty.
void fold(std::vector<Lane>& lanes, size_t most);

// Stretches of one row and kind that lie closer together than `gap` become one, which says how many
// it is made of: there may be more than can be seen.
void join_close(std::vector<Stretch>& stretches, double gap);

std::string draw(const LanesPicture& picture);
// As a file of its own, `width` wide.
std::string draw_document(const LanesPicture& picture, double width);

// Where the words of marks go: in which line above the lanes, -1 where there is no room for them.
// `narrowest` is the least width at which no two of them may meet.
std::vector<int> lines_of(const std::vector<Mark>& marks, double begin, double end, int most,
                          double narrowest);

// Round numbers from `begin` to `end`, at most `most`.
std::vector<double> ticks(double begin, double end, int most);

// The narrowest a picture of a page gets: a phone of 390 pixels, less its margins.
inline constexpr double narrowest_page = 340;

}  // namespace podium::picture
