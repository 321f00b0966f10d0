// ModelInfo: what clients may know of a model that is served.
#pragma once

#include <cstddef>
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

}  // namespace podium::serve
