#include "report/sections.hpp"

#include <array>

namespace podium::report {

void add_sections(const std::vector<RunData>& runs, Page& page) {
  using Section = void (*)(const std::vector<RunData>&, Page&);
  static constexpr std::array sections = {
      summary_section, failure_section,   advice_section,  run_lanes_section,     pods_section,
      search_section,  allreduce_section, scaling_section, configuration_section, facts_section};
  for (const Section section : sections) section(runs, page);
}

}  // namespace podium::report
