#include "train/recipe.hpp"

#include <nlohmann/json.hpp>

namespace podium::train {

nlohmann::ordered_json to_json(const Recipe& recipe) {
  return {{"name", recipe.name},
          {"architecture", recipe.architecture},
          {"epochs", recipe.epochs},
          {"batch", recipe.batch},
          {"lr", recipe.lr},
          {"momentum", recipe.momentum},
          {"weight_decay", recipe.weight_decay},
          {"label_smoothing", recipe.label_smoothing},
          {"warmup", recipe.warmup},
          {"flip", recipe.flip},
          {"shift", recipe.shift},
          {"cutout", recipe.cutout},
          {"erase", recipe.erase},
          {"seed", recipe.seed}};
}

}  // namespace podium::train
