#include "train/trainer_setup.hpp"

#include <limits>

namespace podium::train {

using Json = nlohmann::ordered_json;

Json to_json(const TrainerSetup& setup) {
  return {{"recipe", to_json(setup.recipe)},
          {"card", nn::to_json(setup.card)},
          {"cache", setup.cache.string()},
          {"memory_bytes", setup.dataset.memory_bytes},
          {"policy", setup.dataset.policy},
          {"generation", setup.dataset.generation},
          {"train_records", setup.dataset.train_records},
          {"validation_records", setup.dataset.validation_records},
          {"shuffle", setup.shuffle},
          {"prefetch_threads", setup.prefetch_threads},
          {"gpu", setup.gpu},
          {"threads", setup.threads},
          {"max_batch", setup.max_batch},
          {"rank", setup.rank},
          {"world", setup.world},
          {"parts", setup.parts},
          {"ticket", setup.ticket},
          {"servers", ps::to_text(setup.servers)}};
}

TrainerSetup trainer_setup_from_json(const Json& json) {
  TrainerSetup setup;
  setup.recipe = recipe_from_json(json.at("recipe"));
  setup.card = nn::model_card_from_json(json.at("card"), "the setup of a trainer");
  setup.cache = json.at("cache").get<std::string>();
  setup.dataset.memory_bytes = json.at("memory_bytes");
  setup.dataset.policy = json.at("policy");
  setup.dataset.generation = json.at("generation");
  setup.dataset.train_records = json.at("train_records");
  setup.dataset.validation_records = json.at("validation_records");
  setup.shuffle = json.at("shuffle");
  setup.prefetch_threads = json.at("prefetch_threads");
  setup.gpu = json.at("gpu");
  setup.threads = json.at("threads");
  setup.max_batch = json.at("max_batch");
  setup.rank = json.at("rank");
  setup.world = json.at("world");
  setup.parts = json.at("parts");
  setup.ticket = json.at("ticket");
  setup.servers = ps::parse_setup(json.at("servers").get<std::string>());
  return setup;
}

double number_from(const Json& json) {
  return json.is_null() ? std::numeric_limits<double>::quiet_NaN() : json.get<double>();
}

std::vector<float> floats_from(const Json& json) {
  std::vector<float> floats;
  floats.reserve(json.size());
  for (const Json& each : json) floats.push_back(static_cast<float>(number_from(each)));
  return floats;
}

}  // namespace podium::train
