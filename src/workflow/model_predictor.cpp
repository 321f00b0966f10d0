#include "workflow/model_predictor.hpp"

#include <nlohmann/json.hpp>

#include "ckpt/snapshot.hpp"
#include "core/error.hpp"
#include "nn/cpu/cpu_ops.hpp"
#include "nn/ops.hpp"
#include "train/model_snapshot.hpp"

namespace podium::workflow {

std::unique_ptr<nn::Model> load_model(const std::filesystem::path& file, int threads,
                                      int max_batch) {
  const ckpt::Snapshot snapshot = ckpt::read_snapshot(file);
  if (!snapshot.card.contains("model")) {
    throw data_error("the snapshot describes no model", file.string(), "publish a model again");
  }
  nn::ModelCard card = nn::model_card_from_json(snapshot.card.at("model"), file.string());
  auto model = std::make_unique<nn::Model>(std::move(card), nn::make_cpu_ops(threads), max_batch);
  train::restore(*model, snapshot, file.string());
  return model;
}

ModelPredictor::ModelPredictor(std::unique_ptr<nn::Model> model, const std::string& served_name,
                               int version)
    : model_(std::move(model)) {
  const nn::ModelCard& card = model_->card();
  info_.model = served_name;
  info_.variant = card.name;
  info_.version = version;
  info_.channels = card.image.channels;
  info_.height = card.image.height;
  info_.width = card.image.width;
  info_.classes = card.classes;
  info_.class_names = card.class_names;
  info_.max_batch = model_->max_batch();
}

void ModelPredictor::predict(std::span<const uint8_t> images, int n,
                             std::span<float> probabilities) {
  require(images.size() == static_cast<size_t>(n) * info_.image_bytes(),
          "a batch has the bytes of its images", "ModelPredictor::predict");
  model_->predict(images, probabilities);
}

}  // namespace podium::workflow
