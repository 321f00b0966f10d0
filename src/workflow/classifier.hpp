// Classifier: what gives class probabilities of images, a stored model here or a running service.
//
// A Classifier is shared by threads; each classifies with a worker of its own.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "io/image/transform.hpp"
#include "serve/client/client.hpp"
#include "workflow/model_file.hpp"

namespace podium::workflow {

class Classifier {
 public:
  class Worker {
   public:
    virtual ~Worker() = default;
    // Probabilities [N,classes] of images [N,H,W,C], N up to the worker's limit; and logits of the
    // same shape, if the classifier gives them: else that span is left as it is.
    virtual void classify(std::span<const uint8_t> images, std::span<float> probabilities,
                          std::span<float> logits) = 0;
  };

  struct About {
    std::string model;                 // its name
    std::string version;               // empty: a file without one
    io::ImageShape shape;              // of the images it takes
    std::vector<std::string> classes;  // names, one per class
    io::Transform transform;           // which its own images went through, if that is known
    bool gives_logits = false;
  };

  virtual ~Classifier() = default;
  const About& about() const { return about_; }

  // For up to `max_images` at a time, on the calling thread alone. Thread-safe.
  virtual std::unique_ptr<Worker> make_worker(size_t max_images) const = 0;

 protected:
  explicit Classifier(About about) : about_(std::move(about)) {}

 private:
  About about_;
};

// Throws what find_model() and StoredModel throw.
std::unique_ptr<Classifier> open_model(const std::filesystem::path& place,
                                       const DeviceChoice& device);

// The model `name` of the service at `server`, host:port. Throws unavailable_error when it does not
// answer, data_error when it has no such model, usage_error when it does not take the token.
std::unique_ptr<Classifier> open_service(const std::string& server, const std::string& name,
                                         const serve::Credentials& credentials);

}  // namespace podium::workflow
