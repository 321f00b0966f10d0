#include "workflow/predict_step.hpp"

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <numeric>
#include <span>

#include "ckpt/registry.hpp"
#include "core/clock.hpp"
#include "core/error.hpp"
#include "io/files/atomic_file.hpp"
#include "serve/client.hpp"
#include "workflow/model_predictor.hpp"

namespace podium::workflow {
namespace {

constexpr size_t chunk_records = 128;

// Class probabilities [n,classes] of n images.
using Classifier = std::function<std::vector<float>(std::span<const uint8_t> images, size_t n)>;

struct Classified {
  size_t correct = 0;
  std::string csv = "record,label,class,confidence\n";
};

Classified classify_all(const io::Dataset& dataset, io::Split split, const Classifier& classifier) {
  Classified result;
  const size_t classes = dataset.info().classes;
  std::vector<uint32_t> records;
  std::vector<uint8_t> images;
  std::vector<uint8_t> labels;
  for (size_t first = 0; first < dataset.size(split); first += chunk_records) {
    const size_t count = std::min(chunk_records, dataset.size(split) - first);
    records.resize(count);
    std::iota(records.begin(), records.end(), static_cast<uint32_t>(first));
    images.resize(count * dataset.info().image_bytes());
    labels.resize(count);
    dataset.gather(split, records, images, labels);
    const std::vector<float> probabilities = classifier(images, count);
    for (size_t i = 0; i < count; ++i) {
      const std::span<const float> row(&probabilities[i * classes], classes);
      const auto best = std::ranges::max_element(row);
      const auto predicted = static_cast<size_t>(best - row.begin());
      result.correct += predicted == labels[i] ? 1 : 0;
      result.csv += std::to_string(first + i) + "," + std::to_string(labels[i]) + "," +
                    std::to_string(predicted) + "," + std::to_string(*best) + "\n";
    }
  }
  return result;
}

// A classifier, and which model and version it is, once it has answered.
struct Source {
  Classifier classifier;
  std::string model;
  std::string version;
};

// Throws data_error unless the model is for such images and classes.
void check_fits(const nn::ModelCard& card, const io::DatasetInfo& info) {
  const auto text = [](auto height, auto width, auto channels) {
    return std::to_string(height) + " x " + std::to_string(width) + " x " +
           std::to_string(channels);
  };
  const std::string model = text(card.image.height, card.image.width, card.image.channels);
  const std::string data = text(info.height, info.width, info.channels);
  if (model == data && static_cast<size_t>(card.classes) == info.classes) return;
  throw data_error("the published model takes images of " + model + " in " +
                       std::to_string(card.classes) + " classes, the data are of " + data + " in " +
                       std::to_string(info.classes),
                   "--io.source", "give the data that it was trained on, or their like");
}

Source published_model(const Settings& settings, int threads, const io::DatasetInfo& info) {
  const ckpt::Registry registry(settings.registry_dir());
  const auto current = registry.current();
  if (!current) {
    throw unavailable_error("no model is published", registry.folder().string(),
                            "train one and run podium select, with the same run.dir");
  }
  const std::shared_ptr<nn::Model> model =
      load_model(current->path, threads, static_cast<int>(chunk_records));
  check_fits(model->card(), info);
  Source source{{}, current->name, std::to_string(current->number)};
  source.classifier = [model](std::span<const uint8_t> images, size_t n) {
    std::vector<float> probabilities(n * static_cast<size_t>(model->card().classes));
    model->predict(images, probabilities);
    return probabilities;
  };
  return source;
}

Source running_service(const Settings& settings, const std::string& server,
                       const io::DatasetInfo& info, std::string* version) {
  const serve::HostPort address = serve::parse_host_port(server);
  const auto client = std::make_shared<serve::Client>(address.host, address.port);
  Source source{{}, settings.service.model_name, ""};
  source.classifier = [=, name = settings.service.model_name](std::span<const uint8_t> images,
                                                              size_t n) {
    serve::InferRequest request;
    request.model = name;
    request.images = images;
    request.n = static_cast<int>(n);
    request.height = static_cast<int>(info.height);
    request.width = static_cast<int>(info.width);
    request.channels = static_cast<int>(info.channels);
    serve::InferReply reply = client->infer(request);
    *version = reply.model_version;
    return reply.probabilities;
  };
  return source;
}

}  // namespace

nlohmann::ordered_json predict(const Settings& settings, const PredictOptions& options,
                               const io::Dataset& dataset) {
  std::string served_version;
  const Source source =
      options.server.empty()
          ? published_model(settings, options.threads, dataset.info())
          : running_service(settings, options.server, dataset.info(), &served_version);
  const Stopwatch watch;
  const Classified result = classify_all(dataset, options.split, source.classifier);
  const double seconds = watch.seconds();
  if (!options.output.empty()) io::write_text_file(options.output, result.csv);
  const auto records = static_cast<double>(dataset.size(options.split));
  return {{"model", source.model},
          {"version", options.server.empty() ? source.version : served_version},
          {"split", io::split_name(options.split)},
          {"records", dataset.size(options.split)},
          {"accuracy", static_cast<double>(result.correct) / records},
          {"images_per_s", records / seconds},
          {"output", options.output.string()}};
}

}  // namespace podium::workflow
