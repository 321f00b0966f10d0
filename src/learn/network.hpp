// Network: a model that computes on observations, in blocks of rows.
//
// A pass is always over a whole block, padded with zeros, by the kernels of training: acting and
// learning compute a row in the same way, so that equal weights and rows give equal bits in
// whatever company the row is, at equal blocks and numbers of threads. An architecture that
// computes differently in training and in use (bn, dropout) is refused. Vectors are computed on
// hosts only.
//
// Threads: an object belongs to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "core/device_choice.hpp"
#include "learn/environment.hpp"
#include "nn/model.hpp"

namespace podium::learn {

struct NetworkOptions {
  std::string name;          // "policy"
  std::string architecture;  // ends in `dense classes`
  int outputs = 2;
  std::vector<std::string> output_names;  // or none
  nn::Preprocess preprocess;              // of images
  int block = 64;                         // rows of a pass
  int threads = 1;
  DeviceChoice device;
};

class Network {
 public:
  // Throws usage_error for an architecture that does not fit, or is refused.
  Network(const EnvironmentInfo& info, const NetworkOptions& options, uint64_t seed);

  // Outputs [N,outputs] of observations [N, observation bytes], any N.
  void compute(std::span<const std::byte> observations, std::span<float> outputs);

  // Goes through observations as compute() and back: `down` gets the outputs of some rows from
  // `first` on and writes the gradient of a loss by them. Afterwards gradients() are those of the
  // loss by the parameters, summed over all rows.
  using Down =
      std::function<void(size_t first, std::span<const float> outputs, std::span<float> gradient)>;
  void differentiate(std::span<const std::byte> observations, const Down& down);

  // Where the host addresses them. A span to write to is asked for anew after each pass.
  std::span<float> parameters() { return model_.parameters(); }
  std::span<const float> gradients() const { return gradients_; }
  nn::Model& model() { return model_; }
  const nn::Model& model() const { return model_; }
  size_t parameter_count() const { return gradients_.size(); }
  size_t outputs() const { return outputs_; }

 private:
  void forward(std::span<const std::byte> rows);
  void load(std::span<const std::byte> rows);

  ObservationType type_;
  size_t row_bytes_;
  size_t outputs_;
  size_t block_;
  nn::Model model_;
  std::vector<float> gradients_;
  std::vector<float> block_outputs_;  // [block,outputs]
  std::vector<float> block_gradient_;
};

}  // namespace podium::learn
