#include "train/progress.hpp"

#include <nlohmann/json.hpp>

namespace podium::train {

nlohmann::ordered_json to_json(const Progress& progress) {
  return {{"epochs", progress.epochs},
          {"images", progress.images},
          {"generation", progress.generation},
          {"records", progress.records},
          {"step_s", progress.step_s},
          {"exposed_comm_s", progress.exposed_comm_s},
          {"total_s", progress.total_s},
          {"loss", progress.loss},
          {"train_accuracy", progress.train_accuracy},
          {"val_accuracy", progress.val_accuracy},
          {"lr", progress.lr},
          {"epoch_images_per_s", progress.epoch_images_per_s}};
}

Progress progress_from_json(const nlohmann::ordered_json& json) {
  Progress progress;
  progress.epochs = json.at("epochs");
  progress.images = json.at("images");
  progress.generation = json.at("generation");
  progress.records = json.at("records");
  progress.step_s = json.at("step_s");
  progress.exposed_comm_s = json.at("exposed_comm_s");
  progress.total_s = json.at("total_s");
  progress.loss = json.at("loss");
  progress.train_accuracy = json.at("train_accuracy");
  progress.val_accuracy = json.at("val_accuracy");
  progress.lr = json.at("lr");
  progress.epoch_images_per_s = json.at("epoch_images_per_s");
  return progress;
}

}  // namespace podium::train
