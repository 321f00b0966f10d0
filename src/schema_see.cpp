// Options of what a run shows of itself: its lines, and the page about it.
#include "schema_lists.hpp"

namespace podium::schema {

using enum ValueKind;

std::vector<OptionSpec> see_options() {
  return {
      {"log.level", text, "info", "lines on stderr", {"error", "warning", "info", "debug"}},
      {"report.output", text, "",
       "file for the page about the runs; empty: report.html in the first of their folders"},
  };
}

}  // namespace podium::schema
