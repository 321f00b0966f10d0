#include "report/sections.hpp"

#include <array>

namespace podium::report {

void add_sections(const std::vector<RunData>& runs, Page& page) {
  using Section = void (*)(const std::vector<RunData>&, Page&);
  static constexpr std::array<Section, 1> sections = {summary_section};
  for (const Section section : sections) section(runs, page);
}

}  // namespace podium::report
