// ModelPredictor: a published model as what a replica serves.
//
// Preprocessing is the model's own, so a served image goes exactly the way of a validation image.
#pragma once

#include <filesystem>
#include <memory>

#include "core/device_choice.hpp"
#include "io/image/fit.hpp"
#include "nn/model.hpp"
#include "serve/replica/predictor.hpp"

namespace podium::workflow {

// A model rebuilt from a snapshot file, for batches of up to `max_batch` on `device`, or on
// `threads` threads of the CPU. Throws data_error naming the file when it is damaged or no model.
std::unique_ptr<nn::Model> load_model(const std::filesystem::path& file, int threads, int max_batch,
                                      const DeviceChoice& device = {});

class ModelPredictor : public serve::Predictor {
 public:
  // `served_name` is the name in URLs; `version` the registry's number; `transform` what images of
  // files go through, as at ingest. Batches of all sizes are ready then.
  ModelPredictor(std::unique_ptr<nn::Model> model, const std::string& served_name, int version,
                 const io::Transform& transform = {});

  const serve::ModelInfo& info() const override { return info_; }
  void predict(std::span<const uint8_t> images, int n, std::span<float> probabilities) override;
  // Those at which the model computes; a GPU's are ready since the constructor.
  std::vector<int> sizes_to_warm(int most) const override;
  std::vector<uint8_t> read_image(std::string_view file) const override;

 private:
  std::unique_ptr<nn::Model> model_;
  io::Fit fit_;
  serve::ModelInfo info_;
};

}  // namespace podium::workflow
