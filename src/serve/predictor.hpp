// Predictor: the seam between serving and a model.
//
// A replica holds one Predictor per version that it has loaded. Preprocessing belongs to the
// Predictor: images are the raw bytes of the data set. A Predictor is used by one thread at a time:
// first the thread that loads and warms it up, then the one that computes batches.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace podium::serve {

struct ModelInfo {
  std::string model;    // name in the URLs: "fashion_mnist"
  std::string variant;  // which of the trained models: "resnet"
  int version = 0;      // > 0; grows with every deployment
  int channels = 0;
  int height = 0;
  int width = 0;
  int classes = 0;
  std::vector<std::string> class_names;  // one per class, or empty
  int max_batch = 1;                     // most images that predict() takes at once

  size_t image_bytes() const {
    return static_cast<size_t>(channels) * static_cast<size_t>(height) * static_cast<size_t>(width);
  }
};

class Predictor {
 public:
  virtual ~Predictor() = default;

  virtual const ModelInfo& info() const = 0;

  // Computes class probabilities: `images` [n,H,W,C] to `probabilities` [n,classes].
  // REQUIRES: 1 <= n <= info().max_batch.
  virtual void predict(std::span<const uint8_t> images, int n, std::span<float> probabilities) = 0;
};

// Loads the model in file or folder `path` as `version`. Throws when it cannot; the message becomes
// the reason of the failed deployment.
using PredictorLoader =
    std::function<std::unique_ptr<Predictor>(const std::string& path, int version)>;

}  // namespace podium::serve
