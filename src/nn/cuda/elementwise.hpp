// Kernels that work element by element. All are given to `stream` and return at once; counts are
// elements, memory is aligned to 16 bytes. Each element is computed as nn/cpu/loops.cpp does.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

#include "nn/cuda/number_type.hpp"
#include "nn/ops.hpp"

namespace podium::nn::cuda {

// output = max(input, 0)
void relu(NumberType type, const void* input, void* output, size_t count, cudaStream_t stream);
// output = max(a + b, 0)
void add_relu(NumberType type, const void* a, const void* b, void* output, size_t count,
              cudaStream_t stream);
// result = output > 0 ? gradient : 0; `result` may be `gradient`.
void masked_copy(NumberType type, const void* output, const void* gradient, void* result,
                 size_t count, cudaStream_t stream);
// sum += addend
void accumulate(NumberType type, const void* addend, void* sum, size_t count, cudaStream_t stream);
// values [rows, channels] += bias, then max(.., 0) if `relu`. `bias` may be null.
void add_bias(NumberType type, void* values, const float* bias, bool relu, size_t rows,
              int channels, cudaStream_t stream);
// An element is dropped with probability `rate`, and kept ones are divided by 1 - rate. The mask
// depends on what `key` holds when the kernel runs, on the layer, and on the element's index alone.
void dropout(NumberType type, const void* input, void* output, size_t count, double rate,
             uint64_t layer_key, const StepKey* key, cudaStream_t stream);
// *key = value
void set_key(StepKey* key, const StepKey& value, cudaStream_t stream);

}  // namespace podium::nn::cuda
