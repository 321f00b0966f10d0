#include "workflow/classifier.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "io/sources/labels.hpp"

namespace podium::workflow {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::chrono::seconds patience{30};  // with a service, per request

std::vector<std::string> names_of(std::vector<std::string> names, size_t classes) {
  return names.empty() ? io::numbered_classes(classes) : std::move(names);
}

// --- A stored model ------------------------------------------------------------------------------

Classifier::About about(const StoredModel& model, int version) {
  const nn::ModelCard& card = model.card();
  return {card.name,
          version > 0 ? std::to_string(version) : "",
          {static_cast<size_t>(card.image.height), static_cast<size_t>(card.image.width),
           static_cast<size_t>(card.image.channels)},
          names_of(card.class_names, static_cast<size_t>(card.classes)),
          model.transform(),
          true};
}

class ModelWorker final : public Classifier::Worker {
 public:
  explicit ModelWorker(std::unique_ptr<nn::Model> model) : model_(std::move(model)) {}

  void classify(std::span<const uint8_t> images, std::span<float> probabilities,
                std::span<float> logits) override {
    model_->predict(images, probabilities, logits);
  }

 private:
  std::unique_ptr<nn::Model> model_;
};

// Each worker computes on one thread: what it computes then does not depend on how many there are.
class ModelClassifier final : public Classifier {
 public:
  ModelClassifier(StoredModel model, int version, DeviceChoice device)
      : Classifier(workflow::about(model, version)),
        model_(std::move(model)),
        device_(std::move(device)) {}

  std::unique_ptr<Worker> make_worker(size_t max_images) const override {
    return std::make_unique<ModelWorker>(model_.make(1, static_cast<int>(max_images), device_));
  }

 private:
  StoredModel model_;
  DeviceChoice device_;
};

// --- A running service ---------------------------------------------------------------------------

class ServiceWorker final : public Classifier::Worker {
 public:
  ServiceWorker(const serve::HostPort& address, const serve::Credentials& credentials,
                const Classifier::About& about)
      : client_(address.host, address.port, patience, credentials), about_(about) {}

  void classify(std::span<const uint8_t> images, std::span<float> probabilities,
                std::span<float>) override {
    serve::InferRequest request;
    request.model = about_.model;
    request.images = images;
    request.n = static_cast<int>(images.size() / about_.shape.bytes());
    request.height = static_cast<int>(about_.shape.height);
    request.width = static_cast<int>(about_.shape.width);
    request.channels = static_cast<int>(about_.shape.channels);
    const serve::InferReply reply = client_.infer(request);
    if (reply.probabilities.size() != probabilities.size()) {
      throw unavailable_error("the server's reply has not one row of probabilities per image",
                              about_.model,
                              "check that the model was not replaced by another kind");
    }
    std::ranges::copy(reply.probabilities, probabilities.begin());
  }

 private:
  serve::Client client_;
  Classifier::About about_;
};

class ServiceClassifier final : public Classifier {
 public:
  ServiceClassifier(About about, serve::HostPort address, serve::Credentials credentials)
      : Classifier(std::move(about)),
        address_(std::move(address)),
        credentials_(std::move(credentials)) {}

  std::unique_ptr<Worker> make_worker(size_t) const override {
    return std::make_unique<ServiceWorker>(address_, credentials_, about());
  }

 private:
  serve::HostPort address_;
  serve::Credentials credentials_;
};

// What the metadata of a model say (KServe v2).
Classifier::About about(const std::string& name, const Json& metadata) {
  const Json& shape = metadata.at("inputs").at(0).at("shape");
  const Json& outputs = metadata.at("outputs").at(0).at("shape");
  const Json& parameters = metadata.at("parameters");
  return {name,
          metadata.at("versions").at(0),
          {shape.at(1), shape.at(2), shape.at(3)},
          names_of(parameters.at("class_names"), outputs.at(1)),
          {},
          false};
}

}  // namespace

std::unique_ptr<Classifier> open_model(const std::filesystem::path& place,
                                       const DeviceChoice& device) {
  const ModelFile file = find_model(place);
  StoredModel model(file.path);
  model.check_finite();
  return std::make_unique<ModelClassifier>(std::move(model), file.version, device);
}

std::unique_ptr<Classifier> open_service(const std::string& server, const std::string& name,
                                         const serve::Credentials& credentials) {
  const serve::HostPort address = serve::parse_host_port(server, "--predict.server");
  serve::Client client(address.host, address.port, patience, credentials);
  const serve::HttpReply reply = client.request("GET", "/v2/models/" + name);
  if (reply.status == 404) {
    throw data_error("the server has no model '" + name + "'", server,
                     "give its name as --serve.model");
  }
  if (reply.status == 401) {
    throw usage_error("the server does not take this client's token", "--predict.token_file",
                      "give the serve.token of the service's run folder");
  }
  if (reply.status != 200) {
    throw unavailable_error("the server answered " + std::to_string(reply.status), server,
                            "try again when a model is published");
  }
  try {
    return std::make_unique<ServiceClassifier>(about(name, Json::parse(reply.body)), address,
                                               credentials);
  } catch (const Json::exception& error) {
    throw unavailable_error(
        std::string("the server's description of the model is not understood: ") + error.what(),
        server, "check that podium serve runs there");
  }
}

}  // namespace podium::workflow
