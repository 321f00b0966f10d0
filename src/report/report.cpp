#include "report/report.hpp"

#include "io/files/atomic_file.hpp"
#include "report/page.hpp"
#include "report/sections.hpp"

namespace podium::report {
namespace {

std::string title_of(const std::vector<RunData>& runs) {
  std::string names;
  for (const RunData& run : runs) names += (names.empty() ? "" : ", ") + run.name;
  return (runs.size() == 1 ? "Podium run " : "Podium runs ") + names;
}

}  // namespace

Json write_report(const std::vector<std::filesystem::path>& folders, const ReportOptions& options) {
  const std::vector<RunData> runs = read_runs(folders, options.defaults);
  Page page(title_of(runs));
  add_sections(runs, page);
  const std::string html = page.html(runs, options.podium_version);
  if (options.output.has_parent_path()) io::create_folder(options.output.parent_path());
  io::write_volatile_text_file(options.output, html);
  return {{"runs", runs.size()},
          {"bytes", html.size()},
          {"output", options.output.string()},
          {"sections", page.section_ids()}};
}

}  // namespace podium::report
