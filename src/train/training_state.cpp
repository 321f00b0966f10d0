#include "train/training_state.hpp"

#include "nn/initialise.hpp"

namespace podium::train {
namespace {

nn::SgdOptions sgd_options(const Recipe& recipe) {
  return {static_cast<float>(recipe.momentum), static_cast<float>(recipe.weight_decay),
          static_cast<float>(recipe.norm_lr)};
}

}  // namespace

TrainingState::TrainingState(nn::Model& a_model, const Recipe& a_recipe)
    : recipe(a_recipe), model(a_model), optimizer(model, sgd_options(recipe)) {
  model.initialise(recipe.seed);
  if (recipe.init == nn::Initialisation::dirac) {
    nn::make_dirac(model.buffers(), model.parameters());
  }
  if (recipe.ema > 0) {
    average.emplace(model, WeightAverageOptions{recipe.ema, recipe.ema_every, recipe.lookahead});
  }
}

}  // namespace podium::train
