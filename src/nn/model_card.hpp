// ModelCard: all that is needed, besides the buffers, to rebuild a model and to feed it.
//
// A card travels as JSON with every checkpoint and every published model.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "nn/image_shape.hpp"

namespace podium::nn {

// How pixels become inputs: (pixel / 255 - mean[c]) / stddev[c], one entry per channel.
struct Preprocess {
  std::vector<float> mean;
  std::vector<float> stddev;

  bool operator==(const Preprocess&) const = default;
};

struct ModelCard {
  std::string name;                      // what the user calls it: "cnn"
  std::string architecture;              // architecture text, docs/architecture_text.md
  ImageShape image;                      // shape of one input image
  int classes = 0;                       // 2..256
  std::vector<std::string> class_names;  // one per class, or empty
  Preprocess preprocess;
  bool mirror = false;  // predictions are means over an image and its mirror image

  bool operator==(const ModelCard&) const = default;
};

nlohmann::ordered_json to_json(const ModelCard& card);

// The inverse of to_json(). `where` names the document in messages (a file or a URL). Throws
// data_error that names the missing or unfit key.
ModelCard model_card_from_json(const nlohmann::ordered_json& document, const std::string& where);

// Throws data_error naming the field of `card` that contradicts another or is out of range.
void validate(const ModelCard& card, const std::string& where);

}  // namespace podium::nn
