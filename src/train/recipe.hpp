// Recipe: how one model is trained, apart from where and by how many.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace podium::train {

struct Recipe {
  std::string name;          // of the model: "cnn"
  std::string architecture;  // docs/architecture_text.md
  int epochs = 10;
  int batch = 128;  // images per step, over all ranks
  double lr = 0.1;  // peak of the one-cycle schedule
  double momentum = 0.9;
  double weight_decay = 5e-4;
  double label_smoothing = 0.1;
  double warmup = 0.25;  // share of the steps in which the rate rises
  bool flip = false;
  int shift = 0;     // pixels
  int cutout = 0;    // side of a blanked square, pixels
  double erase = 0;  // probability of a rectangle of noise
  uint64_t seed = 1;
};

// Everything that decides the result of a training run on given data and ranks. Two recipes with
// equal JSON train to equal bits.
nlohmann::ordered_json to_json(const Recipe& recipe);

}  // namespace podium::train
