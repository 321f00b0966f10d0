// The kernels of a resident step beside the model's: all are enqueued on a stream, also while it is
// captured, and find what changes from step to step through the tables. Deterministic.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

#include "nn/ops.hpp"
#include "train/cuda/step_tables.hpp"

namespace podium::train::cuda {

// Shape of one image.
struct PixelShape {
  uint32_t height = 0;
  uint32_t width = 0;
  uint32_t channels = 0;
};

// The step's scalars to `now`, and the key of its dropout masks to `key`.
void begin_step(const StepTables& tables, nn::StepKey* key, cudaStream_t stream);

// Where a step's images go: the input of the network.
struct BatchInput {
  void* values = nullptr;        // [count,H,W,C] of `type`
  const float* scale = nullptr;  // [C]: values are scale * pixel + shift
  const float* shift = nullptr;
  nn::cuda::NumberType type = nn::cuda::NumberType::fp32;
};

// The step's `count` images, augmented as drawn and normalised, to `input`; their labels to the
// tables' batch_labels. Pixels have the bits of io::apply().
void load_batch(const StepTables& tables, const PixelShape& shape, size_t count,
                const BatchInput& input, cudaStream_t stream);

// values *= factor.
void scale(float* values, size_t count, float factor, cudaStream_t stream);

// `loss`, null for a step without images, to the step's place in `losses`; the cursor moves on by a
// step of `count` images.
void end_step(const StepTables& tables, const nn::cuda::DeviceLoss* loss, size_t count,
              cudaStream_t stream);

}  // namespace podium::train::cuda
