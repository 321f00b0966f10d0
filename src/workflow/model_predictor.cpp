#include "workflow/model_predictor.hpp"

#include <algorithm>
#include <iterator>

#include "core/error.hpp"
#include "io/sources/image_file.hpp"
#include "serve/protocol/request_error.hpp"
#include "workflow/model_file.hpp"

namespace podium::workflow {
namespace {

constexpr uint64_t decoded_bytes = uint64_t{64} << 20;  // of a client's image: a bomb stops there

io::ImageShape image_shape(const nn::ModelCard& card) {
  return {static_cast<uint64_t>(card.image.height), static_cast<uint64_t>(card.image.width),
          static_cast<uint64_t>(card.image.channels)};
}

}  // namespace

std::unique_ptr<nn::Model> load_model(const std::filesystem::path& file, int threads, int max_batch,
                                      const DeviceChoice& device) {
  return StoredModel(file).make(threads, max_batch, device);
}

ModelPredictor::ModelPredictor(std::unique_ptr<nn::Model> model, const std::string& served_name,
                               int version, const io::Transform& transform)
    : model_(std::move(model)), fit_(image_shape(model_->card()), {}, transform) {
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

std::vector<int> ModelPredictor::sizes_to_warm(int most) const {
  std::vector<int> sizes = model_->prediction_sizes();
  // A model for larger batches pads those up to `most` to the first size that holds it.
  const auto holds_most = std::ranges::lower_bound(sizes, most);
  if (holds_most != sizes.end()) sizes.erase(std::next(holds_most), sizes.end());
  for (int& size : sizes) size = std::min(size, most);
  return sizes;
}

// The way of `podium predict` with a file: decoded, then fitted by the model's own transform.
std::vector<uint8_t> ModelPredictor::read_image(std::string_view file) const {
  try {
    const std::span bytes(reinterpret_cast<const uint8_t*>(file.data()), file.size());
    const io::Image image = io::decode_image(bytes, "the body", decoded_bytes);
    std::vector<uint8_t> pixels(info_.image_bytes());
    fit_.for_shape(image.shape, "the body").apply(image.shape, image.pixels, pixels);
    return pixels;
  } catch (const Error& error) {
    throw serve::RequestError(400, error.what());
  }
}

}  // namespace podium::workflow
