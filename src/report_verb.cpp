#include "report_verb.hpp"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "comm/barrier.hpp"
#include "report/report.hpp"
#include "schema.hpp"
#include "verb_parts.hpp"
#include "version.hpp"

namespace podium {

ExitCode report_verb(const VerbContext& context) {
  const std::unique_ptr<comm::Communicator> group = everyone(context, "report");
  if (group->rank() == 0) {
    std::vector<std::filesystem::path> folders(context.folders.begin(), context.folders.end());
    if (folders.empty()) folders.push_back(context.settings.run_dir);
    report::ReportOptions options;
    options.output = context.config.text("report.output");
    if (options.output.empty()) options.output = folders.front() / "report.html";
    options.podium_version = version_number();
    for (const OptionSpec& spec : option_schema()) {
      options.defaults[spec.key] = spec.default_value;
    }
    nlohmann::ordered_json result = {{"verb", "report"}};
    result.update(report::write_report(folders, options));
    context.log.info("report: " + options.output.string());
    print_result(context, result);
  }
  comm::barrier(*group, patient);
  return ExitCode::done;
}

}  // namespace podium
