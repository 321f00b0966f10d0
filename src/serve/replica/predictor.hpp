// Predictor: the seam between serving and a model.
//
// A replica holds one Predictor per version that it has loaded. Preprocessing belongs to the
// Predictor: images are the raw bytes of the data set. A Predictor is used by one thread at a time:
// first the thread that loads and warms it up, then the one that computes batches; only
// read_image() is called beside.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "serve/protocol/model_info.hpp"

namespace podium::serve {

class Predictor {
 public:
  virtual ~Predictor() = default;

  virtual const ModelInfo& info() const = 0;

  // Computes class probabilities: `images` [n,H,W,C] to `probabilities` [n,classes].
  // REQUIRES: 1 <= n <= info().max_batch.
  virtual void predict(std::span<const uint8_t> images, int n, std::span<float> probabilities) = 0;

  // The batch sizes up to `most` whose first batch may take longer than the next ones, ascending;
  // any other size goes as one of them does. Here: every size.
  virtual std::vector<int> sizes_to_warm(int most) const;

  // The image [H,W,C] that a PNG or JPEG file shows, processed as those that the model was trained
  // on. Unlike the rest, called while another thread predicts. Throws RequestError: 400 for a file
  // that is damaged or fits no image of the model, 415 where no files are taken.
  virtual std::vector<uint8_t> read_image(std::string_view file) const;
};

// Whether a body begins as PNG or JPEG files do, which no JSON does.
bool is_image_file(std::string_view body);

// Loads the model in file or folder `path` as `version`. Throws when it cannot; the message becomes
// the reason of the failed deployment.
using PredictorLoader =
    std::function<std::unique_ptr<Predictor>(const std::string& path, int version)>;

}  // namespace podium::serve
