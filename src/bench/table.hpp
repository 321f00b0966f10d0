// The table of a benchmark: one line per comparison, for people and as JSON.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

namespace podium::bench {

// One comparison. `ratio` is how many times better ours is than theirs: above 1 we win, whichever
// way the unit counts. What was not measured is empty.
struct Row {
  std::string what;
  std::string unit;
  double ours = 0;
  double spread = 0;  // of ours, relative to its median
  std::optional<double> theirs = {};
  std::optional<double> ratio = {};
  std::optional<double> limit = {};  // in the same unit: the best that the machine allows
  std::string note = {};             // sizes, or why something is empty
};

// Aligned columns with a heading, ending in a newline.
std::string to_text(const std::vector<Row>& rows);

nlohmann::ordered_json to_json(const std::vector<Row>& rows);

}  // namespace podium::bench
