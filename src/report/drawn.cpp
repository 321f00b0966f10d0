#include "report/drawn.hpp"

#include <algorithm>

namespace podium::report {

picture::Words told(const std::string& before, const Place& place, As as,
                    const std::string& after) {
  const auto number = place.number();
  if (!number) return {};
  return {before + written(*number, as) + after,
          escaped(before) + svg_quantity(place, as).html() + escaped(after)};
}

std::vector<Place> own_events(const RunData& run, std::string_view kind) {
  std::vector<Place> found;
  const Place events = run["events"];
  for (size_t i = run.last_job; i < events.size(); ++i) {
    if (events[i]["event"].text() == kind) found.push_back(events[i]);
  }
  return found;
}

std::string name_of(const RunData& run, const std::string& picture) {
  return picture + "-" + std::to_string(run.index);
}

void section_of_each(const std::vector<RunData>& runs, Page& page, const std::string& id,
                     const std::string& heading,
                     const std::function<Markup(const RunData&, Page&)>& block) {
  std::vector<Markup> blocks;
  for (const RunData& run : runs) blocks.push_back(block(run, page));
  if (std::ranges::all_of(blocks, &Markup::empty)) return;
  page.section(id, heading);
  page.add(side_by_side(runs, blocks));
}

}  // namespace podium::report
