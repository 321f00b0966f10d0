// Recipe: how one model is trained, apart from where and by how many.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>

#include "io/image/augment.hpp"
#include "nn/initialise.hpp"
#include "nn/numerics.hpp"

namespace podium::train {

// Which training images are mirrored: none, a random half, or by turns one half and the other.
enum class Flip { none, random, alternate };

struct Recipe {
  std::string name;          // of the model: "cnn"
  std::string architecture;  // docs/architecture_text.md
  int epochs = 10;
  int batch = 128;     // images per step, over all ranks
  int accumulate = 1;  // micro-batches into which each rank cuts its share of a step
  double lr = 0.1;     // peak of the one-cycle schedule
  double momentum = 0.9;
  double weight_decay = 5e-4;
  double label_smoothing = 0.1;
  double norm_lr = 1;      // factor on the learning rate of batch norm's shifts
  double warmup = 0.25;    // share of the steps in which the rate rises
  double final_lr = 4e-6;  // the last rate, as a share of the peak
  nn::Initialisation init = nn::Initialisation::he;
  nn::Numerics numerics = {};
  double ema = 0;          // weight of the past in the averaged weights, per step; 0: no average
  int ema_every = 5;       // steps between two updates of the average
  bool lookahead = false;  // training goes on from the average at each update
  Flip flip = Flip::none;
  int shift = 0;           // pixels
  int cutout = 0;          // side of a blanked square, pixels
  double cutout_from = 0;  // share of the epochs that go before the first cutout
  double erase = 0;        // probability of a rectangle of noise
  bool mirror = false;     // predictions are means over an image and its mirror image (tta=flip)
  uint64_t seed = 1;
  std::set<std::string> own = {};  // options that were given for this model alone: "lr"
};

// What names one of the recipe's options in an error: "--model.cnn.lr" when that was given, else
// "--train.lr of model 'cnn'".
std::string flag_of(const Recipe& recipe, const std::string& option);

// How its training images are changed at random.
io::Augmentation augmentation_of(const Recipe& recipe);

// Everything that decides the result of a training run on given data and ranks. Two recipes with
// equal JSON train to equal bits.
nlohmann::ordered_json to_json(const Recipe& recipe);

// The inverse, but for `own`. Throws nlohmann::json::exception for a text that is not from there.
Recipe recipe_from_json(const nlohmann::ordered_json& json);

}  // namespace podium::train
