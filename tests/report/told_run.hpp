// Runs made of a few events, and the page that sections make of them.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "picture/elements.hpp"
#include "report/page.hpp"
#include "report/run_data.hpp"

namespace podium::report {

inline RunData told_run(Json events, Json config = Json::object()) {
  RunData run;
  run.name = "told";
  run.data = {{"name", run.name},
              {"config", std::move(config)},
              {"events", std::move(events)},
              {"memo", Json::array()}};
  find_main_job(&run);
  return run;
}

using SectionOf = void (*)(const std::vector<RunData>&, Page&);

inline std::string page_of(SectionOf section, const std::vector<RunData>& runs) {
  Page page("Told");
  section(runs, page);
  return page.html(runs, "0");
}

inline std::string page_of(SectionOf section, RunData run) {
  std::vector<RunData> runs;
  runs.push_back(std::move(run));
  return page_of(section, runs);
}

inline std::vector<std::string> sections_of(SectionOf section, const RunData& run) {
  Page page("Told");
  section({run}, page);
  return page.section_ids();
}

// The numbers of a page that are not what its data say; and at least one number there has to be.
inline std::vector<std::string> wrong_numbers(const std::string& html) {
  const std::string mark = "id=\"data\">";
  const size_t begin = html.find(mark) + mark.size();
  const Json data = Json::parse(html.substr(begin, html.find("</script>", begin) - begin));
  std::vector<std::string> wrong;
  size_t count = 0;
  for (const char* name : {"data", "tspan"}) {
    for (const picture::Element& element : picture::elements(html, name)) {
      const std::string key = picture::attribute(element, "data-key");
      if (key.empty()) continue;
      ++count;
      const std::string value =
          picture::attribute(element, std::string(name) == "data" ? "value" : "data-value");
      const Json::json_pointer place(key);
      if (!data.contains(place) || data[place].dump() != value) wrong.push_back(key);
    }
  }
  if (count == 0) wrong.emplace_back("there is no number");
  return wrong;
}

inline double percent(const picture::Element& element, const char* name) {
  return picture::number(element, name);
}

}  // namespace podium::report
