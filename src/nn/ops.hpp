// Ops: the seam between the network's logic and a backend that computes (cpu/, cuda/).
//
// A backend makes *planned kernels*: one per layer, batch size and pass, bound to its memory when
// it is made, so that running a step is a walk over kernels that allocates nothing. Images and
// logits are NHWC, activations between them have the layout that the lowered layer names; weights
// are canonical (buffer_info.hpp), and a kernel that computes in another layout reorders them
// itself. All calls come from the thread that owns the model.
//
// A backend may still be computing when a call returns; its calls happen in their order all the
// same. synchronise() waits, and so does every call that hands results to the caller. Two kinds of
// memory: allocate() gives what both sides address, allocate_activations() what kernels alone do,
// and in types of their own: its pointers say float because places are counted in floats.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "nn/aligned_buffer.hpp"
#include "nn/lowering.hpp"
#include "nn/model_card.hpp"
#include "nn/update_rules.hpp"

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

// Calls of a backend that are made again and again, in the same memory.
class Program {
 public:
  virtual ~Program() = default;
  virtual void run() = 0;
};

// Where a pass reads its images.
struct InputPlace {
  float* inputs = nullptr;  // the executor's
  ImageShape shape;         // of one image
  int batch = 0;            // rows; those behind the images become zero
  Pass pass = Pass::inference;
  bool mirrored = false;  // left and right exchanged
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

  // Zeroed memory that this backend's kernels and, after synchronise(), the caller can address.
  virtual AlignedBuffer allocate(size_t count) = 0;
  // Whether that is the host's own. Else it moves when it is addressed, and other libraries and the
  // system are better given copies.
  virtual bool on_host() const = 0;
  // Zeroed memory that this backend's kernels can address.
  virtual AlignedBuffer allocate_activations(size_t count) = 0;

  // Throws internal_error naming the layer when the backend cannot make it.
  virtual std::unique_ptr<Kernel> make_kernel(const LayerPlan& layer, int batch, Pass pass,
                                              const LayerMemory& memory) = 0;

  // Before the forward pass of each training step, whose key the kernels go by, and after its
  // backward pass, when all gradients of parameters are there.
  virtual void begin_step(const StepKey& key) = 0;
  virtual void end_backward() = 0;

  // (pixel / 255 - mean) / stddev of uint8 images [N,H,W,C] to a place for N or more, NHWC.
  virtual void load_images(std::span<const uint8_t> images, const Preprocess& preprocess,
                           const InputPlace& place) = 0;

  // Softmax cross entropy with label smoothing (Szegedy et al. 2016) over logits [N,classes] of a
  // training pass. `gradient` becomes d(mean loss)/d(logits).
  virtual void cross_entropy(std::span<const float> logits, std::span<const uint8_t> labels,
                             float label_smoothing, float* gradient) = 0;
  // What the last cross_entropy() came to. Waits for all calls so far.
  virtual LossResult loss() = 0;

  // Floats from place to place, either of which may be the host's own: logits of an inference pass
  // put aside before the next one, weights, gradients.
  virtual void copy(std::span<const float> from, float* to) = 0;
  // Row-wise softmax of logits [N,classes] of an inference pass into the caller's `probabilities`.
  // With `others` of the same size, the logits first become the means of both. They also go to the
  // caller's `scores` unless that is empty. Waits.
  virtual void softmax(std::span<float> logits, std::span<const float> others, int classes,
                       std::span<float> probabilities, std::span<float> scores) = 0;

  // One step of the optimizer and one of an average (update_rules.hpp), on memory of allocate().
  virtual void sgd(std::span<const SgdRange> ranges, const SgdOptions& options, float learning_rate,
                   const SgdMemory& memory) = 0;
  virtual void approach(const float* weights, float* average, size_t count, float share) = 0;

  // `work` calls this backend's kernels and nothing else: each run does the same to whatever the
  // memory then holds. What it refers to outlives the program.
  virtual std::unique_ptr<Program> record(std::function<void()> work) = 0;

  // Waits for all calls so far. Errors of the device show here at the latest.
  virtual void synchronise() = 0;
};

}  // namespace podium::nn
