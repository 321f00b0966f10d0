#include "report/report.hpp"

#include "core/error.hpp"
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

// Throws usage_error unless `output` is free or an earlier page, by its name: the page takes the
// place of what is there, also of a device or of what a run has written.
void check_output(const std::filesystem::path& output) {
  std::error_code none;
  const std::filesystem::file_status place = std::filesystem::symlink_status(output, none);
  if (!std::filesystem::exists(place)) return;
  if (std::filesystem::is_directory(output, none)) {
    throw usage_error("the output is a folder", output.string(), "name a file in it");
  }
  if (output.extension() != ".html" || !std::filesystem::is_regular_file(output, none)) {
    throw usage_error("the output exists and is no earlier page", output.string(),
                      "name a new file, or one that ends in .html");
  }
}

}  // namespace

Json write_report(const std::vector<std::filesystem::path>& folders, const ReportOptions& options) {
  check_output(options.output);
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
