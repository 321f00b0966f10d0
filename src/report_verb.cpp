#include "report_verb.hpp"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "comm/barrier.hpp"
#include "report/report.hpp"
#include "schema.hpp"
#include "verb_parts.hpp"
#include "version.hpp"

namespace podium {

namespace {

using Folders = std::vector<std::filesystem::path>;

report::Json write_page(const Folders& folders, const std::filesystem::path& output) {
  report::ReportOptions options;
  options.output = output.empty() ? folders.front() / "report.html" : output;
  options.podium_version = version_number();
  for (const OptionSpec& spec : option_schema()) options.defaults[spec.key] = spec.default_value;
  return report::write_report(folders, options);
}

}  // namespace

ExitCode report_verb(const VerbContext& context) {
  const std::unique_ptr<comm::Communicator> group = everyone(context, "report");
  if (group->rank() == 0) {
    Folders folders(context.folders.begin(), context.folders.end());
    if (folders.empty()) folders.push_back(context.settings.run_dir);
    nlohmann::ordered_json result = {{"verb", "report"}};
    result.update(write_page(folders, context.config.text("report.output")));
    context.log.info("report: " + result.at("output").get<std::string>());
    print_result(context, result);
  }
  comm::barrier(*group, patient);
  return ExitCode::done;
}

bool leaves_report(const std::string& verb) {
  return trains(verb) || verb == "serve";
}

void leave_report(const std::filesystem::path& run_dir, const Log& log) {
  try {
    write_page({run_dir}, "");
  } catch (const std::exception& error) {
    log.warning(std::string("there is no report of this job: ") + error.what());
  }
}

}  // namespace podium
