#include "train/recipe.hpp"

#include <cmath>
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

// ceil(share * epochs), where rounding errors of the product do not count.
uint64_t first_epoch_from(double share, int epochs) {
  return static_cast<uint64_t>(std::ceil(share * epochs - 1e-9));
}

Flip flip_from(const std::string& text) {
  if (text == to_string(Flip::none)) return Flip::none;
  return text == to_string(Flip::random) ? Flip::random : Flip::alternate;
}

}  // namespace

std::string flag_of(const Recipe& recipe, const std::string& option) {
  if (recipe.own.contains(option)) return "--model." + recipe.name + "." + option;
  return "--train." + option + " of model '" + recipe.name + "'";
}

io::Augmentation augmentation_of(const Recipe& recipe) {
  io::Augmentation augmentation;
  augmentation.flip = recipe.flip != Flip::none;
  augmentation.alternate = recipe.flip == Flip::alternate;
  augmentation.shift = static_cast<size_t>(recipe.shift);
  augmentation.cutout = static_cast<size_t>(recipe.cutout);
  augmentation.cutout_from = first_epoch_from(recipe.cutout_from, recipe.epochs);
  augmentation.erase = recipe.erase;
  return augmentation;
}

nlohmann::ordered_json to_json(const Recipe& recipe) {
  return {{"name", recipe.name},
          {"architecture", recipe.architecture},
          {"epochs", recipe.epochs},
          {"batch", recipe.batch},
          {"accumulate", recipe.accumulate},
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
          {"fused_norm", recipe.numerics.fused_norm},
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

Recipe recipe_from_json(const nlohmann::ordered_json& json) {
  Recipe recipe;
  const auto get = [&json](const char* key, auto& value) { json.at(key).get_to(value); };
  get("name", recipe.name);
  get("architecture", recipe.architecture);
  get("epochs", recipe.epochs);
  get("batch", recipe.batch);
  get("accumulate", recipe.accumulate);
  get("lr", recipe.lr);
  get("momentum", recipe.momentum);
  get("weight_decay", recipe.weight_decay);
  get("label_smoothing", recipe.label_smoothing);
  get("norm_lr", recipe.norm_lr);
  get("warmup", recipe.warmup);
  get("final_lr", recipe.final_lr);
  if (json.at("init") == "dirac") recipe.init = nn::Initialisation::dirac;
  if (json.at("rounding") == "exact") recipe.numerics.rounding = nn::Rounding::exact;
  if (json.at("precision") == "bf16") recipe.numerics.precision = nn::Precision::bf16;
  get("fused_norm", recipe.numerics.fused_norm);
  get("ema", recipe.ema);
  get("ema_every", recipe.ema_every);
  get("lookahead", recipe.lookahead);
  recipe.flip = flip_from(json.at("flip"));
  get("shift", recipe.shift);
  get("cutout", recipe.cutout);
  get("cutout_from", recipe.cutout_from);
  get("erase", recipe.erase);
  recipe.mirror = json.at("tta") == "flip";
  get("seed", recipe.seed);
  return recipe;
}

}  // namespace podium::train
