#include "nn/sgd.hpp"

#include <string>

#include "core/error.hpp"

namespace podium::nn {
namespace {

// One run of parameters: `keep` is 1 - lr * weight_decay, or 1.
void update(float* __restrict p, const float* __restrict g, float* __restrict v, size_t count,
            float lr, float momentum, float keep) {
#pragma omp simd
  for (size_t i = 0; i < count; ++i) {
    const float velocity = momentum * v[i] + g[i];
    v[i] = velocity;
    p[i] = keep * p[i] - lr * (g[i] + momentum * velocity);
  }
}

}  // namespace

Sgd::Sgd(const std::vector<BufferInfo>& buffers, size_t parameter_count, SgdOptions options)
    : options_(options), momentum_(parameter_count) {
  if (!(options.momentum >= 0 && options.momentum < 1)) {
    throw usage_error("momentum " + std::to_string(options.momentum), "SGD",
                      "give a number from 0 to below 1");
  }
  if (!(options.weight_decay >= 0)) {
    throw usage_error("weight decay " + std::to_string(options.weight_decay), "SGD",
                      "give a number that is not negative");
  }
  if (!(options.norm_lr > 0)) {
    throw usage_error("norm_lr " + std::to_string(options.norm_lr), "SGD",
                      "give a positive number");
  }
  size_t end = 0;
  for (const BufferInfo& buffer : buffers) {
    if (buffer.statistic) continue;
    require(buffer.offset >= end, "parameter buffers are out of order", "Sgd");
    end = buffer.offset + buffer.count;
    const float lr_factor = is_norm_shift(buffer) ? options.norm_lr : 1.0F;
    if (!ranges_.empty() && ranges_.back().decay == buffer.decay &&
        ranges_.back().lr_factor == lr_factor) {
      ranges_.back().end = end;
    } else {
      ranges_.push_back({buffer.offset, end, buffer.decay, lr_factor});
    }
  }
  require(end <= parameter_count, "a parameter buffer ends behind the parameters", "Sgd");
}

void Sgd::step(std::span<float> parameters, std::span<const float> gradients, float learning_rate) {
  require(parameters.size() == momentum_.size() && gradients.size() == momentum_.size(),
          "parameters or gradients of another model", "Sgd::step");
  for (const Range& range : ranges_) {
    const float keep = range.decay ? 1.0F - learning_rate * options_.weight_decay : 1.0F;
    update(parameters.data() + range.begin, gradients.data() + range.begin,
           momentum_.data() + range.begin, range.end - range.begin, learning_rate * range.lr_factor,
           options_.momentum, keep);
  }
}

}  // namespace podium::nn
