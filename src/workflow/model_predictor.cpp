#include "workflow/model_predictor.hpp"

#include "core/error.hpp"
#include "workflow/model_file.hpp"

namespace podium::workflow {

std::unique_ptr<nn::Model> load_model(const std::filesystem::path& file, int threads, int max_batch,
                                      const DeviceChoice& device) {
  return StoredModel(file).make(threads, max_batch, device);
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
  model_->prepare_predictions();
}

void ModelPredictor::predict(std::span<const uint8_t> images, int n,
                             std::span<float> probabilities) {
  require(images.size() == static_cast<size_t>(n) * info_.image_bytes(),
          "a batch has the bytes of its images", "ModelPredictor::predict");
  model_->predict(images, probabilities);
}

}  // namespace podium::workflow
