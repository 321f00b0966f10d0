#include "report/sections.hpp"

#include <array>

namespace podium::report {

void add_sections(const std::vector<RunData>& runs, Page& page) {
  using Section = void (*)(const std::vector<RunData>&, Page&);
  static constexpr std::array sections = {
      // What came of it.
      summary_section, failure_section, advice_section, curves_section, confusion_section,
      // How it went.
      time_section, run_lanes_section, pods_section, update_section, serving_section,
      learn_lanes_section, search_section, memo_section,
      // What was measured.
      allreduce_section, scaling_section,
      // What it was.
      configuration_section, facts_section};
  for (const Section section : sections) section(runs, page);
}

}  // namespace podium::report
