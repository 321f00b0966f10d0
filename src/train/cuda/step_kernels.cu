#include "train/cuda/step_kernels.hpp"

#include <algorithm>

#include "core/cuda_check.hpp"
#include "nn/cuda/numbers.cuh"

namespace podium::train::cuda {
namespace {

using podium::cuda::check_launch;

constexpr unsigned threads = 256;  // of a block
constexpr size_t most_blocks = 4096;

// Blocks for a loop over `count` elements, each thread taking every (blocks * threads)-th.
unsigned blocks_for(size_t count) {
  return static_cast<unsigned>(std::min((count + threads - 1) / threads, most_blocks));
}

__global__ void begin_step_kernel(StepTables tables, nn::StepKey* key) {
  const uint32_t step = tables.cursor->step;
  *tables.now = tables.steps[step];
  key->seed = tables.epoch->dropout_seed;
  key->step = tables.epoch->first_step + step;
}

// Block (image, part): each thread makes one pixel.
template <typename T>
__global__ void load_batch_kernel(StepTables tables, PixelShape shape, BatchInput input) {
  const DrawnImage drawn = tables.order[tables.cursor->image + blockIdx.x];
  const uint32_t pixels = shape.height * shape.width;
  const uint32_t pixel = blockIdx.y * blockDim.x + threadIdx.x;
  if (pixel == 0) tables.batch_labels[blockIdx.x] = tables.labels[drawn.record];
  if (pixel >= pixels) return;
  const size_t bytes = size_t{pixels} * shape.channels;
  const uint8_t* image = tables.images + drawn.record * bytes;
  T* target = static_cast<T*>(input.values) + blockIdx.x * bytes + size_t{pixel} * shape.channels;
  const uint32_t y = pixel / shape.width;
  const uint32_t x = pixel % shape.width;
  for (uint32_t c = 0; c < shape.channels; ++c) {
    const uint8_t byte =
        io::augmented_byte(drawn.draw, image, shape.height, shape.width, shape.channels, y, x, c);
    target[c] = nn::cuda::from_float<T>(static_cast<float>(byte) * input.scale[c] + input.shift[c]);
  }
}

__global__ void scale_kernel(float* values, size_t count, float factor) {
  const size_t stride = size_t{gridDim.x} * blockDim.x;
  for (size_t i = size_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count; i += stride) {
    values[i] *= factor;
  }
}

__global__ void end_step_kernel(StepTables tables, const nn::cuda::DeviceLoss* loss,
                                uint32_t count) {
  const uint32_t step = tables.cursor->step;
  tables.losses[step] = loss == nullptr ? nn::cuda::DeviceLoss{} : *loss;
  tables.cursor->step = step + 1;
  tables.cursor->image += count;
}

}  // namespace

void begin_step(const StepTables& tables, nn::StepKey* key, cudaStream_t stream) {
  begin_step_kernel<<<1, 1, 0, stream>>>(tables, key);
  check_launch("begin_step");
}

void load_batch(const StepTables& tables, const PixelShape& shape, size_t count,
                const BatchInput& input, cudaStream_t stream) {
  if (count == 0) return;
  const uint32_t pixels = shape.height * shape.width;
  const dim3 grid(static_cast<unsigned>(count), (pixels + threads - 1) / threads);
  nn::cuda::with_type(input.type, [&](auto number) {
    load_batch_kernel<decltype(number)><<<grid, threads, 0, stream>>>(tables, shape, input);
  });
  check_launch("load_batch");
}

void scale(float* values, size_t count, float factor, cudaStream_t stream) {
  if (count == 0) return;
  scale_kernel<<<blocks_for(count), threads, 0, stream>>>(values, count, factor);
  check_launch("scale");
}

void end_step(const StepTables& tables, const nn::cuda::DeviceLoss* loss, size_t count,
              cudaStream_t stream) {
  end_step_kernel<<<1, 1, 0, stream>>>(tables, loss, static_cast<uint32_t>(count));
  check_launch("end_step");
}

}  // namespace podium::train::cuda
