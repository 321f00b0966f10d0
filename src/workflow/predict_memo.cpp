#include "workflow/predict_memo.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "comm/broadcast.hpp"
#include "core/clock.hpp"
#include "workflow/evaluation_report.hpp"
#include "workflow/step_memo.hpp"

namespace podium::workflow {
namespace {

namespace fs = std::filesystem;

// A file and, since labels may lie beside it, the files that could be those; or a folder.
Json input_identity(const fs::path& input) {
  Json identity = {{"path", fs::absolute(input).string()}, {"content", content_xxh3(input)}};
  if (fs::is_directory(input)) return identity;
  std::vector<fs::path> labels;
  for (const auto& entry : fs::directory_iterator(fs::absolute(input).parent_path())) {
    const bool named = entry.path().filename().string().find("labels") != std::string::npos;
    if (named && entry.is_regular_file()) labels.push_back(entry.path());
  }
  std::ranges::sort(labels);
  for (const fs::path& file : labels) {
    identity["labels"][file.filename().string()] = content_xxh3(file);
  }
  return identity;
}

// Empty where the same command may come to something else.
std::optional<Step> step_of(const Settings& settings, const PredictOptions& options,
                            const io::InputInfo& input, const Json& data) {
  if (!options.server.empty()) return {};
  std::error_code error;
  if (data.is_null() && !fs::exists(options.input, error)) return {};
  const fs::path model = options.model.empty() ? settings.registry_dir() : options.model;
  return Step{"predict",
              options.output,
              {{"model", content_xxh3(find_model(model).path)},
               {"images", data.is_null() ? input_identity(options.input) : data},
               {"split", input.split},
               {"transform", settings.ingest.transform.text()},
               {"device", settings.device.on_gpu() ? "cuda" : "cpu"}}};
}

std::vector<fs::path> files_of(const Settings& settings, const PredictOptions& options,
                               const Json& result) {
  std::vector<fs::path> files;
  if (!options.output.empty()) files.push_back(options.output);
  if (result.at("accuracy").is_null()) return files;
  const fs::path report =
      evaluation_file(settings.run_dir, result.at("model"), evaluated_split(result.at("split")));
  if (fs::exists(report)) files.push_back(report);
  return files;
}

}  // namespace

Json predict_or_recall(const Settings& settings, const PredictOptions& options,
                       const Classifier& classifier, const io::ImageInput& input, const Json& data,
                       comm::Communicator& group, const Log& log,
                       const std::function<void(const std::string&)>& show) {
  const Stopwatch watch;
  std::optional<Step> step;
  RecalledStep recalled;
  if (group.rank() == 0) {
    step = step_of(settings, options, input.info(), data);
    if (step) recalled = recall_step(settings, *step);
  }
  const bool reused = comm::broadcast_text(group, recalled.result ? "reuse" : "", 0) == "reuse";
  std::string table;
  const auto keep_table = [&table](const std::string& text) { table = text; };
  Json result =
      reused ? Json() : predict(settings, options, classifier, input, group, log, keep_table);
  if (group.rank() != 0) return {};
  if (reused) {
    result = std::move(recalled.result->at("result"));
    table = recalled.result->at("table").get<std::string>();
  } else if (step) {
    keep_step(settings, *step, {{"result", result}, {"table", table}},
              files_of(settings, options, result), log);
  }
  if (step) tell_step(settings, *step, recalled, watch.seconds(), log);
  if (!table.empty()) show(table);
  result["output"] = options.output.string();
  result["reused"] = reused;
  return result;
}

}  // namespace podium::workflow
