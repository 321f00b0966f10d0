#include "nn/cuda/cuda_ops.hpp"

#include <algorithm>

#include "core/cuda_check.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "nn/cuda/elementwise.hpp"
#include "nn/cuda/graph_program.hpp"
#include "nn/cuda/kernels.hpp"
#include "nn/image_numbers.hpp"

namespace podium::nn {
namespace {

void free_memory(void* memory) noexcept {
  podium::cuda::free_device(memory);
}

}  // namespace

CudaOps::CudaOps(int gpu, Numerics numerics)
    : context_(gpu, numerics), loss_(1, "the loss"), loss_on_host_(1, "the loss") {}

// Nothing may be under way in memory that is freed now.
CudaOps::~CudaOps() {
  podium::cuda::warn(cudaStreamSynchronize(context_.stream.get()), "waiting for the GPU");
}

std::string CudaOps::description() const {
  cudaDeviceProp properties = {};
  podium::cuda::check(cudaGetDeviceProperties(&properties, context_.gpu), "asking for the GPU");
  const Numerics& numerics = context_.numerics;
  const char* products = numerics.precision == Precision::bf16 ? "bf16"
                         : numerics.rounding == Rounding::fast ? "TF32"
                                                               : "fp32";
  const size_t cudnn = cudnnGetVersion();
  return format("cuda (%s, cuDNN %zu.%zu.%zu, %s)", properties.name, cudnn / 10000,
                cudnn / 100 % 100, cudnn % 100, products);
}

// A sum is a kernel of its own at inference: cuDNN does not promise that it may add in place.
Fusions CudaOps::fusions() const {
  return {.norm_pool = true,
          .norm_sum = true,
          .norm_moments = context_.numerics.fused_norm,
          .folded_norm = true,
          .sum = false,
          .channel_block = 0,
          .image_channels = {}};
}

// 1 GiB.
size_t CudaOps::inference_floats() const {
  return size_t{1} << 28;
}

AlignedBuffer CudaOps::allocate(size_t count) {
  use();
  podium::cuda::ManagedBuffer<float> memory(count, "parameters and their like");
  float* data = memory.release();
  return {data, count, free_memory};
}

AlignedBuffer CudaOps::allocate_activations(size_t count) {
  use();
  podium::cuda::DeviceBuffer<float> memory(count, "activations");
  float* data = memory.release();
  return {data, count, free_memory};
}

std::unique_ptr<Kernel> CudaOps::make_kernel(const LayerPlan& layer, int batch, Pass pass,
                                             const LayerMemory& memory) {
  use();
  const cuda::KernelSpec spec{{context_, layer, batch, pass, memory}};
  switch (layer.op) {
    case LayerOp::convolution:
      return cuda::make_convolution(spec);
    case LayerOp::dense:
      return cuda::make_dense(spec);
    case LayerOp::batch_norm:
      return cuda::make_batch_norm(spec);
    case LayerOp::relu:
      return cuda::make_relu(spec);
    case LayerOp::max_pool:
    case LayerOp::average_pool:
      return cuda::make_pool(spec);
    case LayerOp::dropout:
      return cuda::make_dropout(spec);
    case LayerOp::fork:
      return cuda::make_fork(spec);
    case LayerOp::sum:
      return cuda::make_sum(spec);
  }
  throw internal_error("a layer without a CUDA kernel", layer.name);
}

void CudaOps::begin_step(const StepKey& key) {
  use();
  cuda::set_key(device_key(), key, stream());
  refresh_weights();
}

void CudaOps::refresh_weights() {
  context_.weights.load(stream());
}

void CudaOps::end_backward() {
  use();
  context_.gradients.store(stream());
}

void CudaOps::finish_gradients(std::span<float> part) {
  context_.gradients.store(part.data(), part.data() + part.size(), stream());
}

const float* CudaOps::device_preprocess(const Preprocess& preprocess) {
  if (preprocess_ == preprocess) return device_preprocess_.data();
  std::vector<float> numbers;
  for (const float stddev : preprocess.stddev) numbers.push_back(pixel_scale(stddev));
  for (size_t c = 0; c < preprocess.mean.size(); ++c) {
    numbers.push_back(pixel_shift(preprocess.mean[c], preprocess.stddev[c]));
  }
  synchronise();  // kernels may still read what is replaced
  device_preprocess_ = {numbers.size(), "means and deviations"};
  podium::cuda::copy_now(device_preprocess_.data(), numbers.data(), device_preprocess_.bytes());
  preprocess_ = preprocess;
  return device_preprocess_.data();
}

void CudaOps::load_images(std::span<const uint8_t> images, const Preprocess& preprocess,
                          const InputPlace& place) {
  use();
  cuda::ImageLoad load;
  load.scale = device_preprocess(preprocess);
  load.shift = load.scale + preprocess.mean.size();
  load.pixels = pixels_.send(images, stream());
  load.inputs = place.inputs;
  load.shape = place.shape;
  load.images = images.size() / static_cast<size_t>(place.shape.size());
  load.rows = static_cast<size_t>(place.batch);
  load.mirrored = place.mirrored;
  load.type = context_.type_of(place.pass);
  cuda::load_images(load, stream());
}

void CudaOps::cross_entropy(std::span<const float> logits, std::span<const uint8_t> labels,
                            float label_smoothing, float* gradient) {
  use();
  cross_entropy_on_device(
      logits.data(), labels_.send(labels, stream()), static_cast<int>(labels.size()),
      static_cast<int>(logits.size() / labels.size()), label_smoothing, gradient);
}

void CudaOps::cross_entropy_on_device(const float* logits, const uint8_t* labels, int images,
                                      int classes, float label_smoothing, float* gradient) {
  cuda::LossWork work;
  work.logits = logits;
  work.labels = labels;
  work.gradient = gradient;
  work.rows = static_cast<cuda::DeviceLoss*>(
      loss_rows_.reserve(static_cast<size_t>(images) * sizeof(cuda::DeviceLoss)));
  work.result = loss_.data();
  work.images = images;
  work.classes = classes;
  work.label_smoothing = label_smoothing;
  work.type = context_.type_of(Pass::training);
  cuda::cross_entropy(work, stream());
}

LossResult CudaOps::loss() {
  use();
  podium::cuda::copy(loss_on_host_.data(), loss_.data(), loss_.bytes(), stream());
  synchronise();
  const cuda::DeviceLoss& loss = *loss_on_host_.data();
  return {loss.loss_sum, loss.correct};
}

void CudaOps::copy(std::span<const float> from, float* to) {
  use();
  podium::cuda::copy(to, from.data(), from.size_bytes(), stream());
}

void CudaOps::softmax(std::span<float> logits, std::span<const float> others, int classes,
                      std::span<float> probabilities, std::span<float> scores) {
  use();
  const size_t count = logits.size();
  auto* on_device = static_cast<float*>(probabilities_.reserve(count * sizeof(float)));
  if (predictions_.size() < 2 * count) predictions_ = {2 * count, "predictions"};
  cuda::softmax(logits.data(), others.empty() ? nullptr : others.data(), on_device,
                static_cast<int>(count / static_cast<size_t>(classes)), classes, stream());
  float* host = predictions_.data();
  podium::cuda::copy(host, on_device, count * sizeof(float), stream());
  podium::cuda::copy(host + count, logits.data(), scores.size_bytes(), stream());
  synchronise();
  std::copy_n(host, count, probabilities.begin());
  std::copy_n(host + count, scores.size(), scores.begin());
}

void CudaOps::sgd(std::span<const SgdRange> ranges, const SgdOptions& options, float learning_rate,
                  const SgdMemory& memory) {
  use();
  if (!std::ranges::equal(ranges, known_ranges_)) {
    synchronise();
    sgd_ranges_ = cuda::DeviceRanges(ranges);
    known_ranges_.assign(ranges.begin(), ranges.end());
  }
  cuda::sgd(sgd_ranges_, options, {learning_rate, nullptr}, memory, stream());
}

void CudaOps::approach(const float* weights, float* average, size_t count, float share) {
  use();
  // Without lookahead the weights are only read.
  cuda::approach(const_cast<float*>(weights), average, count, {share, nullptr}, false, stream());
}

std::unique_ptr<Program> CudaOps::record(std::function<void()> work) {
  return std::make_unique<cuda::GraphProgram>(context_, std::move(work));
}

void CudaOps::synchronise() {
  use();
  podium::cuda::synchronise(stream());
}

std::unique_ptr<Ops> make_cuda_ops(int gpu, Numerics numerics) {
  return std::make_unique<CudaOps>(gpu, numerics);
}

}  // namespace podium::nn
