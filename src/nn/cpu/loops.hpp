// Vectorised loops over flat arrays, shared among the threads that OpenMP gives.
//
// Each element is computed alone, so results do not depend on the number of threads.
#pragma once

#include <cstddef>
#include <cstdint>

namespace podium::nn::cpu {

// Below this many elements threads cost more than they give.
inline constexpr size_t kParallelFrom = 32 * 1024;

// output = max(a + b, 0)
void add_relu(const float* a, const float* b, float* output, size_t count);

// output = max(input, 0)
void relu(const float* input, float* output, size_t count);

// gradient = 0 where output <= 0
void mask_by_output(const float* output, float* gradient, size_t count);

// result = output > 0 ? gradient : 0
void masked_copy(const float* output, const float* gradient, float* result, size_t count);

// sum += addend
void accumulate(const float* addend, float* sum, size_t count);

// output = a random share of input: an element is dropped with probability `rate`, and kept ones
// are divided by 1 - rate (Srivastava et al. 2014). The mask depends only on (key, index).
void dropout(const float* input, float* output, size_t count, double rate, uint64_t key);

}  // namespace podium::nn::cpu
