#include "nn/update_rules.hpp"

namespace podium::nn::host {
namespace {

void update(float* __restrict p, const float* __restrict g, float* __restrict v, size_t count,
            float lr, float momentum, float keep) {
#pragma omp simd
  for (size_t i = 0; i < count; ++i) sgd_update(p[i], g[i], v[i], lr, momentum, keep);
}

}  // namespace

void sgd(std::span<const SgdRange> ranges, const SgdOptions& options, float learning_rate,
         const SgdMemory& memory) {
  for (const SgdRange& range : ranges) {
    update(memory.parameters + range.begin, memory.gradients + range.begin,
           memory.momentum + range.begin, range.end - range.begin, range.lr(learning_rate),
           options.momentum, range.keep(learning_rate, options.weight_decay));
  }
}

void approach(const float* weights, float* average, size_t count, float share) {
  const float* __restrict from = weights;
  float* __restrict to = average;
#pragma omp simd
  for (size_t i = 0; i < count; ++i) to[i] = approached(to[i], from[i], share);
}

}  // namespace podium::nn::host
