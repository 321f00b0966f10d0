// TrainingState: what training a recipe changes: a model, the momentum of its optimizer, and the
// average of its weights where the recipe asks for one.
//
// The engine that takes the steps, the loop that evaluates and the checkpoint share it. Threads:
// belongs to its trainer's thread.
#pragma once

#include <optional>

#include "nn/model.hpp"
#include "nn/sgd.hpp"
#include "train/recipe.hpp"
#include "train/weight_average.hpp"

namespace podium::train {

struct TrainingState {
  // Initialises `model`, which must outlive the state, as the recipe says: equal recipes give equal
  // bits. Throws usage_error for an optimizer or average that makes no sense.
  TrainingState(nn::Model& model, const Recipe& recipe);

  const Recipe recipe;
  nn::Model& model;
  nn::Sgd optimizer;
  std::optional<WeightAverage> average;
};

}  // namespace podium::train
