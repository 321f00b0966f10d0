#include "nn/cuda/weighted_layer.hpp"

#include "nn/cuda/elementwise.hpp"
#include "nn/cuda/norm.hpp"

namespace podium::nn::cuda {

WeightedLayer::WeightedLayer(const KernelSpec& spec, const FilterShape& filter)
    : context_(spec.context),
      memory_(spec.memory),
      filter_(filter),
      type_(spec.type()),
      training_(spec.training()),
      relu_(spec.layer.relu),
      rows_(spec.output_rows()),
      channels_(spec.layer.output.channels) {
  if (!training_) {
    make_inference_memory(spec);
    return;
  }
  // The tables read and write the canonical memory, which LayerMemory shows as const.
  weights_ = context_.weights.add(const_cast<float*>(memory_.weights), filter, type_);
  gradient_ = context_.gradients.add(memory_.weights_gradient, filter, type_);
  if (memory_.bias == nullptr) return;
  const FilterShape vector{channels_, 1, 1, 1};
  bias_ = static_cast<const float*>(
      context_.weights.add(const_cast<float*>(memory_.bias), vector, NumberType::fp32));
  context_.workspace.reserve(column_sum_bytes(rows_, channels_));
}

void WeightedLayer::make_inference_memory(const KernelSpec& spec) {
  folded_ = &context_.folded[{memory_.weights, filter_.computed_count()}];
  if (folded_->filter.size() == 0) {
    folded_->filter = {filter_.computed_count() * bytes_of(type_), "weights of " + spec.layer.name};
    folded_->bias = {static_cast<size_t>(channels_), "bias of " + spec.layer.name};
  }
  weights_ = folded_->filter.data();
  if (spec.layer.bias || spec.layer.norm) bias_ = folded_->bias.data();
}

void WeightedLayer::load_parameters() {
  if (training_) return;
  context_.use();
  fold({memory_.weights, memory_.bias, memory_.norm_scale, memory_.running_mean,
        memory_.running_variance, folded_->filter.data(), folded_->bias.data(), filter_, type_},
       context_.stream.get());
}

void WeightedLayer::forward(const StepKey&) {
  multiply();
  if (finishes()) return;
  add_bias(type_, memory_.output, bias_, relu_, rows_, channels_, context_.stream.get());
}

void WeightedLayer::backward(const StepKey&) {
  cudaStream_t stream = context_.stream.get();
  if (relu_) {
    masked_copy(type_, memory_.output, memory_.output_gradient, memory_.output_gradient,
                rows_ * static_cast<size_t>(channels_), stream);
  }
  if (memory_.bias_gradient != nullptr) {
    column_sums(type_, memory_.output_gradient, rows_, channels_, memory_.bias_gradient,
                context_.workspace.data(), stream);
  }
  if (memory_.input_gradient != nullptr) multiply_backward_data();
  multiply_backward_weights();
}

}  // namespace podium::nn::cuda
