#include "train/recipe.hpp"

#include <nlohmann/json.hpp>

namespace podium::train {
namespace {

const char* to_string(Flip flip) {
  switch (flip) {
    case Flip::none:
      return "false";
    case Flip::random:
      return "true";
    case Flip::alternate:
      return "alternate";
  }
  return "";
}

}  // namespace

nlohmann::ordered_json to_json(const Recipe& recipe) {
  return {{"name", recipe.name},
          {"architecture", recipe.architecture},
          {"epochs", recipe.epochs},
          {"batch", recipe.batch},
          {"lr", recipe.lr},
          {"momentum", recipe.momentum},
          {"weight_decay", recipe.weight_decay},
          {"label_smoothing", recipe.label_smoothing},
          {"norm_lr", recipe.norm_lr},
          {"warmup", recipe.warmup},
          {"final_lr", recipe.final_lr},
          {"init", recipe.init == nn::Initialisation::dirac ? "dirac" : "he"},
          {"rounding", recipe.numerics.rounding == nn::Rounding::exact ? "exact" : "fast"},
          {"precision", recipe.numerics.precision == nn::Precision::bf16 ? "bf16" : "fp32"},
          {"ema", recipe.ema},
          {"ema_every", recipe.ema_every},
          {"lookahead", recipe.lookahead},
          {"flip", to_string(recipe.flip)},
          {"shift", recipe.shift},
          {"cutout", recipe.cutout},
          {"cutout_from", recipe.cutout_from},
          {"erase", recipe.erase},
          {"tta", recipe.mirror ? "flip" : "none"},
          {"seed", recipe.seed}};
}

}  // namespace podium::train
