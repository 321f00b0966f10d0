// What a run suggests to try next, by rules over what it measured.
//
// A rule speaks only where its numbers are there, and says which they are. Pure functions.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "report/markup.hpp"
#include "report/quantity.hpp"
#include "report/run_data.hpp"

namespace podium::report {

struct Advice {
  std::string rule;  // a word, for tests and for names of derived numbers
  Markup text;       // what was seen, and what to try
};

// A number that follows from those of a run, made part of the page by its name.
using Derive = std::function<Markup(const std::string& name, double value, As as)>;

// In the order of what it may bring.
std::vector<Advice> advise(const RunData& run, const Derive& derive);

}  // namespace podium::report
