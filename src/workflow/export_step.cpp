#include "workflow/export_step.hpp"

#include <nlohmann/json.hpp>

#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "io/files/atomic_file.hpp"
#include "nn/export/onnx_model.hpp"
#include "nn/export/safetensors.hpp"
#include "train/model_snapshot.hpp"
#include "workflow/model_file.hpp"
#include "workflow/step_memo.hpp"

namespace podium::workflow {
namespace {

namespace fs = std::filesystem;

constexpr const char* output_key = "--export.output";

bool is_export(const fs::path& file) {
  const std::string ending = file.extension().string();
  return ending == ".onnx" || ending == ".safetensors";
}

// The place to write to: behind symbolic links, so that they stay. Throws usage_error unless it is
// free or holds an earlier export, by its name: no input file or model is lost by a slip.
fs::path place_of(const fs::path& output) {
  if (output.empty()) {
    throw usage_error("there is no file to write to", output_key, "write --output=FILE");
  }
  std::error_code error;
  const fs::path place = fs::exists(output, error) ? fs::canonical(output, error) : output;
  if (fs::is_directory(place, error) || !output.has_filename()) {
    throw usage_error("the output is a folder", output.string(), "name a file in it");
  }
  if (!fs::exists(place, error)) return place;
  if (!fs::is_regular_file(place, error) || !is_export(place)) {
    throw usage_error("the output exists and is no earlier export", output.string(),
                      "name a new file, or one that ends in .onnx or .safetensors");
  }
  return place;
}

// "onnx" or "safetensors".
std::string format_of(const ExportOptions& options) {
  const std::string ending = options.output.extension().string();
  if (options.format != "auto") {
    if (is_export(options.output) && ending != "." + options.format) {
      throw usage_error("'" + options.output.string() + "' would hold " + options.format,
                        "--export.format", "leave it out, or choose another name");
    }
    return options.format;
  }
  if (is_export(options.output)) return ending.substr(1);
  throw usage_error("the ending of '" + options.output.string() + "' names no format", output_key,
                    "add --format=onnx or --format=safetensors");
}

void write_file(const fs::path& place, const Pieces& content) {
  io::TemporaryFile file(place);
  file.reserve_space(content.size());
  for (const std::string_view bytes : content.views()) {
    io::write_all(file.descriptor(), bytes, file.target());
  }
  file.publish();
}

ModelFile published_model(const fs::path& registry) {
  std::error_code error;
  if (fs::exists(registry, error)) return find_model(registry);
  throw unavailable_error("no model is published", registry.string(),
                          "train one and run podium select, with the same run.dir");
}

// What the model is as a file of `format`, in `place`.
Json write_model(const ModelFile& file, const std::string& format, const fs::path& place,
                 const ExportOptions& options, const Log& log) {
  const StoredModel stored(file.path);
  stored.check_finite();
  const std::unique_ptr<nn::Model> model = stored.make(1, 1);
  const nn::ModelView view(*model);

  nn::Properties properties = nn::properties_of(view.card);
  if (!stored.transform().empty()) {
    properties.emplace_back("transform", stored.transform().text());
  }
  if (file.version > 0) properties.emplace_back("version", std::to_string(file.version));
  properties.emplace_back("podium_version", options.podium_version);
  const Pieces content = format == "onnx" ? nn::to_onnx(view, options.podium_version, properties)
                                          : nn::to_safetensors(view, properties);
  write_file(place, content);

  log.info(podium::format("export: %s with %lld parameters, as %s to %s", view.card.name.c_str(),
                          static_cast<long long>(model->parameter_count()), format.c_str(),
                          options.output.c_str()));
  nlohmann::ordered_json result = {{"format", format},
                                   {"file", options.output.string()},
                                   {"bytes", content.size()},
                                   {"model", view.card.name},
                                   {"version", nullptr},
                                   {"parameters", model->parameter_count()},
                                   {"weights_xxh3", train::weights_xxh3(*model)}};
  if (file.version > 0) result["version"] = file.version;
  return result;
}

}  // namespace

Json export_model(const Settings& settings, const ExportOptions& options, const Log& log) {
  const Stopwatch watch;
  const fs::path place = place_of(options.output);
  const std::string format = format_of(options);
  const ModelFile file =
      options.model.empty() ? published_model(settings.registry_dir()) : find_model(options.model);
  const Step step{
      "export",
      place,
      {{"model", content_xxh3(file.path)}, {"version", file.version}, {"format", format}}};
  const RecalledStep recalled = recall_step(settings, step);
  Json result = recalled.result ? *recalled.result : write_model(file, format, place, options, log);
  if (!recalled.result) keep_step(settings, step, result, {place}, log);
  tell_step(settings, step, recalled, watch.seconds(), log);
  result["file"] = options.output.string();
  result["reused"] = recalled.result.has_value();
  return result;
}

}  // namespace podium::workflow
