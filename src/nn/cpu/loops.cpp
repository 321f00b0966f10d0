#include "nn/cpu/loops.hpp"

#include <bit>

#include "core/random.hpp"

namespace podium::nn::cpu {
void add_relu(const float* a, const float* b, float* output, size_t count) {
#pragma omp parallel for simd schedule(static) if (count >= kParallelFrom)
  for (size_t i = 0; i < count; ++i) {
    const float sum = a[i] + b[i];
    output[i] = sum > 0.0F ? sum : 0.0F;
  }
}

void relu(const float* input, float* output, size_t count) {
#pragma omp parallel for simd schedule(static) if (count >= kParallelFrom)
  for (size_t i = 0; i < count; ++i) output[i] = input[i] > 0.0F ? input[i] : 0.0F;
}

// By bits: of a value that is kept or zeroed a compiler makes a branch, which is mispredicted for
// half of the values.
void mask_by_output(const float* output, float* gradient, size_t count) {
#pragma omp parallel for simd schedule(static) if (count >= kParallelFrom)
  for (size_t i = 0; i < count; ++i) {
    const uint32_t kept = output[i] > 0.0F ? ~0U : 0U;
    gradient[i] = std::bit_cast<float>(std::bit_cast<uint32_t>(gradient[i]) & kept);
  }
}

void masked_copy(const float* output, const float* gradient, float* result, size_t count) {
#pragma omp parallel for simd schedule(static) if (count >= kParallelFrom)
  for (size_t i = 0; i < count; ++i) result[i] = output[i] > 0.0F ? gradient[i] : 0.0F;
}

void accumulate(const float* addend, float* sum, size_t count) {
#pragma omp parallel for simd schedule(static) if (count >= kParallelFrom)
  for (size_t i = 0; i < count; ++i) sum[i] += addend[i];
}

void dropout(const float* input, float* output, size_t count, double rate, uint64_t key) {
  const auto threshold = static_cast<uint64_t>(rate * 0x1.0p32);
  const auto scale = static_cast<float>(1.0 / (1.0 - rate));
#pragma omp parallel for simd schedule(static) if (count >= kParallelFrom)
  for (size_t i = 0; i < count; ++i) {
    const bool kept = (mix64(key + i) >> 32) >= threshold;
    output[i] = kept ? scale * input[i] : 0.0F;
  }
}

}  // namespace podium::nn::cpu
