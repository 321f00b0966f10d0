// The CUDA backend: cuDNN's convolutions and cuBLASLt's products on NHWC activations in device
// memory, and kernels of our own beside them, all on one stream.
//
// What the caller may address (Ops::allocate) is managed memory that prefers the device: the host
// reads and writes it while nothing is under way, at the price of moving its pages.
//
// Numbers: with Rounding::exact products are of fp32, with fast of TF32 (8 bits of exponent, 11 of
// significand), summed in fp32. Precision::bf16 keeps the activations of training and the copies of
// weights in bf16; sums, losses, statistics, gradients of parameters and the parameters themselves
// are fp32. No kernel adds in an order that changes: equal inputs give equal bits.
#pragma once

#include <memory>
#include <optional>

#include "nn/cuda/context.hpp"
#include "nn/cuda/edges.hpp"
#include "nn/cuda/staging.hpp"
#include "nn/cuda/update.hpp"
#include "nn/ops.hpp"

namespace podium::nn {

class CudaOps final : public Ops {
 public:
  // Throws unavailable_error when the GPU is not there.
  CudaOps(int gpu, Numerics numerics);
  ~CudaOps() override;

  std::string description() const override;
  Fusions fusions() const override;
  size_t inference_floats() const override;
  AlignedBuffer allocate(size_t count) override;
  bool on_host() const override { return false; }
  AlignedBuffer allocate_activations(size_t count) override;
  std::unique_ptr<Kernel> make_kernel(const LayerPlan& layer, int batch, Pass pass,
                                      const LayerMemory& memory) override;
  void begin_step(const StepKey& key) override;
  void end_backward() override;
  void load_images(std::span<const uint8_t> images, const Preprocess& preprocess,
                   const InputPlace& place) override;
  void cross_entropy(std::span<const float> logits, std::span<const uint8_t> labels,
                     float label_smoothing, float* gradient) override;
  LossResult loss() override;
  void copy(std::span<const float> from, float* to) override;
  void softmax(std::span<float> logits, std::span<const float> others, int classes,
               std::span<float> probabilities, std::span<float> scores) override;
  void sgd(std::span<const SgdRange> ranges, const SgdOptions& options, float learning_rate,
           const SgdMemory& memory) override;
  void approach(const float* weights, float* average, size_t count, float share) override;
  std::unique_ptr<Program> record(std::function<void()> work) override;
  void synchronise() override;

  // What an engine needs that keeps its images on the device and captures whole steps. Its kernels
  // run on stream(); what it calls here may be captured after it has run once outside.

  cudaStream_t stream() const { return context_.stream.get(); }
  int gpu() const { return context_.gpu; }
  // Makes the GPU the calling thread's device.
  void use() const { context_.use(); }
  // Of the activations of a pass: what `inputs` and logits of an executor hold.
  cuda::NumberType type_of(Pass pass) const { return context_.type_of(pass); }
  // The key that dropout goes by: begin_step() writes it, and so may a kernel.
  StepKey* device_key() { return context_.key.data(); }
  // The rest of begin_step(): copies of the weights as they are now.
  void refresh_weights();
  // end_backward() of a part of the gradients whose layers' backward passes are enqueued.
  void finish_gradients(std::span<float> part);
  // pixel_scale() and pixel_shift() of each channel, on the device: [C] and, behind it, [C].
  const float* device_preprocess(const Preprocess& preprocess);
  // cross_entropy() with labels on the device.
  void cross_entropy_on_device(const float* logits, const uint8_t* labels, int images, int classes,
                               float label_smoothing, float* gradient);
  // What the last cross-entropy came to.
  const cuda::DeviceLoss* device_loss() const { return loss_.data(); }

 private:
  cuda::Context context_;
  cuda::Staging pixels_{"images"};
  cuda::Staging labels_{"labels"};
  cuda::GrowingBuffer loss_rows_{"losses"};
  cuda::GrowingBuffer probabilities_{"probabilities"};
  podium::cuda::DeviceBuffer<cuda::DeviceLoss> loss_;
  podium::cuda::PinnedBuffer<cuda::DeviceLoss> loss_on_host_;
  podium::cuda::PinnedBuffer<float> predictions_;  // probabilities, then logits
  std::optional<Preprocess> preprocess_;           // what device_preprocess_ holds
  podium::cuda::DeviceBuffer<float> device_preprocess_;
  std::vector<SgdRange> known_ranges_;  // those of sgd_ranges_
  cuda::DeviceRanges sgd_ranges_;
};

std::unique_ptr<Ops> make_cuda_ops(int gpu, Numerics numerics = {});

}  // namespace podium::nn
