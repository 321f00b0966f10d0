// Ops: the seam between the network's logic and a backend that computes (cpu/, cuda/).
//
// A backend makes *planned kernels*: one per layer, batch size and pass, bound to its memory when
// it is made, so that running a step is a walk over kernels that allocates nothing. Images and
// logits are NHWC, activations between them have the layout that the lowered layer names; weights
// are canonical (buffer_info.hpp), and a kernel that computes in another layout reorders them
// itself. All calls come from the thread that owns the model.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "nn/aligned_buffer.hpp"
#include "nn/lowering.hpp"
#include "nn/model_card.hpp"

namespace podium::nn {

// The views a kernel works on. What a layer lacks, or need not compute, is null.
struct LayerMemory {
  const float* input = nullptr;      // [N,C,H,W]
  const float* side = nullptr;       // second input of a residual sum; may be the output itself
  float* output = nullptr;           // [N,C,H,W]
  float* input_gradient = nullptr;   // null when nothing before this layer is trained
  float* side_gradient = nullptr;    // second output gradient of a fork
  float* output_gradient = nullptr;  // the kernel may overwrite it
  const float* weights = nullptr;    // batch norm: scale, directly followed by shift
  const float* bias = nullptr;
  float* weights_gradient = nullptr;
  float* bias_gradient = nullptr;
  const float* norm_scale = nullptr;  // of a folded batch norm: scale, directly followed by shift
  float* running_mean = nullptr;
  float* running_variance = nullptr;
};

// What changes from step to step besides memory.
struct StepKey {
  uint64_t seed = 0;
  uint64_t step = 0;
};

class Kernel {
 public:
  virtual ~Kernel() = default;
  // Inference kernels go by the parameters and statistics of the last call. Training kernels read
  // them in every step.
  virtual void load_parameters() {}
  virtual void forward(const StepKey& key) = 0;
  virtual void backward(const StepKey& key) = 0;  // training kernels, after forward()
};

struct LossResult {
  double loss_sum = 0;
  int correct = 0;
};

class Ops {
 public:
  virtual ~Ops() = default;

  virtual std::string description() const = 0;
  virtual Fusions fusions() const = 0;
  // Floats that the largest activation of a prediction should not exceed: larger batches are
  // predicted in pieces. At least 1.
  virtual size_t inference_floats() const = 0;

  // Zeroed memory that this backend's kernels and the caller can address.
  virtual AlignedBuffer allocate(size_t count) = 0;

  // Throws internal_error naming the layer when the backend cannot make it.
  virtual std::unique_ptr<Kernel> make_kernel(const LayerPlan& layer, int batch, Pass pass,
                                              const LayerMemory& memory) = 0;

  // (pixel / 255 - mean) / stddev of uint8 images [N,H,W,C] into `inputs`, NHWC.
  virtual void load_images(std::span<const uint8_t> images, const Preprocess& preprocess,
                           float* inputs) = 0;

  // Softmax cross entropy with label smoothing (Szegedy et al. 2016) over logits [N,classes].
  // `gradient` becomes d(mean loss)/d(logits).
  virtual LossResult cross_entropy(std::span<const float> logits, std::span<const uint8_t> labels,
                                   float label_smoothing, float* gradient) = 0;

  // Row-wise softmax of logits [N,classes].
  virtual void softmax(std::span<const float> logits, int classes, float* probabilities) = 0;
};

}  // namespace podium::nn
