#include "nn/sgd.hpp"

#include <string>

#include "core/error.hpp"
#include "nn/model.hpp"
#include "nn/ops.hpp"

namespace podium::nn {

Sgd::Sgd(Model& model, SgdOptions options)
    : Sgd(model.buffers(), model.ops().allocate(static_cast<size_t>(model.parameter_count())),
          options, &model.ops()) {}

Sgd::Sgd(const std::vector<BufferInfo>& buffers, size_t parameter_count, SgdOptions options)
    : Sgd(buffers, AlignedBuffer(parameter_count), options, nullptr) {}

Sgd::Sgd(const std::vector<BufferInfo>& buffers, AlignedBuffer momentum, SgdOptions options,
         Ops* ops)
    : options_(options), momentum_(std::move(momentum)), ops_(ops) {
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
  require(end <= momentum_.size(), "a parameter buffer ends behind the parameters", "Sgd");
}

void Sgd::step(std::span<float> parameters, std::span<const float> gradients, float learning_rate) {
  require(parameters.size() == momentum_.size() && gradients.size() == momentum_.size(),
          "parameters or gradients of another model", "Sgd::step");
  const SgdMemory memory{parameters.data(), gradients.data(), momentum_.data()};
  if (ops_ != nullptr) {
    ops_->sgd(ranges_, options_, learning_rate, memory);
  } else {
    host::sgd(ranges_, options_, learning_rate, memory);
  }
}

std::span<float> Sgd::momentum_buffer() {
  if (ops_ != nullptr) ops_->synchronise();
  return momentum_.span();
}

std::span<const float> Sgd::momentum_buffer() const {
  if (ops_ != nullptr) ops_->synchronise();
  return momentum_.span();
}

}  // namespace podium::nn
