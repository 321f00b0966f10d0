#include "workflow/predict_step.hpp"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "comm/barrier.hpp"
#include "comm/broadcast.hpp"
#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "io/files/atomic_file.hpp"
#include "io/sources/labels.hpp"
#include "serve/client/credentials.hpp"
#include "workflow/classify_together.hpp"
#include "workflow/evaluation_report.hpp"

namespace podium::workflow {
namespace {

namespace fs = std::filesystem;
using Names = std::vector<std::string>;
using LabelMap = std::vector<uint32_t>;  // the model's class by the input's label

// The other ranks sleep while rank 0 downloads or lists.
constexpr comm::WaitPolicy for_the_first{std::chrono::hours(24), Backoff::Kind::idle};

bool are_numbers(const Names& names) {
  return names == io::numbered_classes(names.size());
}

LabelMap same_numbers(size_t classes) {
  LabelMap map(classes);
  for (size_t i = 0; i < classes; ++i) map[i] = static_cast<uint32_t>(i);
  return map;
}

// Which class of the model a label of the input means; empty when labels are not known or mean
// other classes. Names decide; where one side has numbers only and shares none, these do.
std::optional<LabelMap> match_labels(const io::InputInfo& input, const Names& model,
                                     const Log& log) {
  if (!input.labelled) return {};
  if (input.class_names.empty()) return same_numbers(model.size());
  LabelMap map;
  std::string stranger;
  for (const std::string& name : input.class_names) {
    const auto found = std::ranges::find(model, name);
    if (found != model.end()) {
      map.push_back(static_cast<uint32_t>(found - model.begin()));
    } else if (stranger.empty()) {
      stranger = name;
    }
  }
  if (map.size() == input.class_names.size()) return map;
  const bool numbered = are_numbers(input.class_names) && input.class_names.size() <= model.size();
  const bool model_numbered = are_numbers(model) && input.class_names.size() == model.size();
  if (map.empty() && (numbered || (model_numbered && !input.named))) {
    return same_numbers(model.size());
  }
  log.warning("the model has no class '" + stranger + "': the labels of " + input.text +
              " are not used");
  return {};
}

io::Fit fit_of(const Settings& settings, const Classifier& classifier) {
  return {classifier.about().shape, settings.ingest.transform, classifier.about().transform};
}

// Rank 0 speaks for all.
Log log_of(const comm::Communicator& group, const Log& log) {
  return group.rank() == 0 ? log : log.at_most(LogLevel::error);
}

// Models of others are read, and their run folder need not be writable.
void keep_evaluation(const Settings& settings, const std::string& model, const std::string& split,
                     const Json& about, const EvaluationReport& report, const Log& log) {
  try {
    write_evaluation(settings.run_dir, model, split, about, report);
  } catch (const Error& error) {
    if (error.code() != ExitCode::io) throw;
    log.warning(std::string("the evaluation is not kept: ") + error.what());
  }
}

}  // namespace

std::string evaluated_split(const std::string& split) {
  return split == "all" ? "input" : split;
}

void check(const PredictOptions& options) {
  if (!options.server.empty() && !options.model.empty()) {
    throw usage_error("a server answers with its own model", "--predict.model",
                      "leave out --predict.model or --predict.server");
  }
  prediction_format(options.output);
  std::error_code error;
  const fs::file_status status = fs::status(options.output, error);
  if (!fs::exists(status)) return;
  if (!fs::is_regular_file(status)) {
    throw usage_error("'" + options.output.string() + "' is no file that could be replaced",
                      "--predict.output", "choose another name");
  }
  if (fs::equivalent(options.output, options.input, error)) {
    throw usage_error("the predictions would replace their input", "--predict.output",
                      "choose another name");
  }
  if (!may_replace(options.output)) {
    throw usage_error("'" + options.output.string() + "' exists and holds no predictions",
                      "--predict.output", "choose another name, or remove the file");
  }
}

std::unique_ptr<Classifier> open_classifier(const Settings& settings,
                                            const PredictOptions& options) {
  if (!options.server.empty()) {
    return open_service(
        options.server, settings.service.model_name,
        serve::credentials_of(options.token_file, settings.token_file, options.tls_ca));
  }
  if (!options.model.empty()) return open_model(options.model, settings.device);
  const fs::path registry = settings.registry_dir();
  std::error_code ignored;
  if (fs::exists(registry, ignored)) return open_model(registry, settings.device);
  throw unavailable_error("no model is published", registry.string(),
                          "train one and run podium select, with the same run.dir");
}

io::Transform ingest_transform(const Settings& settings, const Classifier& classifier) {
  const io::Transform& given = settings.ingest.transform;
  return given.empty() ? classifier.about().transform : given;
}

std::unique_ptr<io::ImageInput> open_input_together(const Settings& settings,
                                                    const PredictOptions& options,
                                                    const Classifier& classifier,
                                                    comm::Communicator& group, const Log& log) {
  const Log speaker = log_of(group, log);
  io::InputOptions input_options{options.input,
                                 options.split,
                                 fit_of(settings, classifier),
                                 classifier.about().classes.size(),
                                 {},
                                 speaker};
  input_options.source.download_folder = settings.ingest.cache_dir / "downloads";
  input_options.source.data_folders = settings.ingest.data_folders;
  input_options.source.mirrors = settings.ingest.mirrors;
  std::unique_ptr<io::ImageInput> input;
  if (group.rank() == 0) input = io::open_input(input_options);
  comm::barrier(group, for_the_first);
  if (group.rank() != 0) input = io::open_input(input_options);
  const std::string records = std::to_string(input->info().records);
  if (comm::broadcast_text(group, records, 0) == records) return input;
  throw data_error("not all ranks see the same number of images", options.input,
                   "start again when the input no longer changes");
}

std::unique_ptr<io::ImageInput> open_ingested(const Settings& settings,
                                              const PredictOptions& options,
                                              const Classifier& classifier, const fs::path& cache,
                                              uint64_t generation) {
  const auto dataset = std::make_shared<const io::Dataset>(
      io::Dataset::open(cache, {.memory_bytes = 0, .generation = generation}));
  return io::split_of(dataset, options.split, settings.ingest.source,
                      {classifier.about().shape, {}, {}});
}

nlohmann::ordered_json predict(const Settings& settings, const PredictOptions& options,
                               const Classifier& classifier, const io::ImageInput& input,
                               comm::Communicator& group, const Log& log,
                               const std::function<void(const std::string&)>& show) {
  const Classifier::About& about = classifier.about();
  const io::InputInfo& info = input.info();
  const Log speaker = log_of(group, log);
  speaker.info("predict: model '" + about.model + "'" +
               (about.version.empty() ? "" : " version " + about.version) + ", " +
               std::to_string(info.records) + " images of " + info.text);
  ClassifyOptions how{options.threads, options.output, match_labels(info, about.classes, speaker)};
  const bool labelled = how.labels.has_value();
  const Stopwatch watch;
  const EvaluationReport report{about.classes, classify_together(input, classifier, how, group)};
  const double seconds = watch.seconds();
  if (group.rank() != 0) return {};

  nlohmann::ordered_json result = {
      {"model", about.model},
      {"version", about.version.empty() ? Json() : Json(about.version)},
      {"input", info.text},
      {"split", info.split},
      {"images", info.records},
      {"seconds", seconds},
      {"images_per_s", static_cast<double>(info.records) / seconds},
      {"accuracy", labelled ? Json(report.confusion.accuracy()) : Json()},
      {"output", options.output.string()}};
  if (labelled) {
    keep_evaluation(settings, about.model, evaluated_split(info.split),
                    {{"version", result.at("version")}, {"data", {{"name", info.text}}}}, report,
                    log);
    show(report.table());
  }
  add_confusion(result, labelled ? &report : nullptr);
  return result;
}

}  // namespace podium::workflow
