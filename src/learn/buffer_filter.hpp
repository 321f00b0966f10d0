// BufferFilter: which experiences are worth learning from, as a text.
//
//   filter     := term { "or" term }
//   term       := comparison { "and" comparison }
//   comparison := field ( "<" | "<=" | ">" | ">=" | "==" | "!=" ) number
//   field      := "reward"     of the last step
//               | "return"     the sum of all rewards
//               | "staleness"  in updates, when the last reward came
//               | "explorer"   its number
//               | "length"     in steps
//
// for instance `return > 0 and length >= 8 or explorer == 3`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "learn/experience.hpp"

namespace podium::learn {

class BufferFilter {
 public:
  // Throws usage_error that names the place.
  explicit BufferFilter(std::string_view text);

  // REQUIRES: no reward of it is awaited.
  bool lets_pass(const Experience& experience, uint64_t staleness) const;

 private:
  class Parser;
  enum class Field { reward, sum, staleness, explorer, length };
  enum class Relation { less, at_most, more, at_least, equal, other };
  struct Comparison {
    Field field = Field::reward;
    Relation relation = Relation::less;
    double number = 0;
  };
  static double value_of(Field field, const Experience& experience, uint64_t staleness);
  static bool holds(double value, const Comparison& comparison);

  std::vector<std::vector<Comparison>> terms_;  // one of them has to hold, in all its comparisons
};

}  // namespace podium::learn
