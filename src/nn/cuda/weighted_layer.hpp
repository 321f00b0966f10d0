// What convolutions and dense layers share: where their weights, biases and gradients are computed,
// and the backward pass around the products: the mask of a fused ReLU, and the bias's gradient.
//
// Training multiplies copies that are refreshed once per step, all layers at once (weights.hpp);
// inference has others, with a batch norm folded in, as of the last load_parameters().
#pragma once

#include "core/cuda_buffer.hpp"
#include "nn/cuda/kernels.hpp"

namespace podium::nn::cuda {

class WeightedLayer : public Kernel {
 public:
  void load_parameters() override;
  void forward(const StepKey&) override;
  void backward(const StepKey&) override;

 protected:
  WeightedLayer(const KernelSpec& spec, const FilterShape& filter);

  // output = product of input and weights, with bias() and the ReLU as far as can_finish() says.
  virtual void multiply() = 0;
  virtual void multiply_backward_data() = 0;
  virtual void multiply_backward_weights() = 0;
  // Whether multiply() adds the bias and computes the ReLU.
  virtual bool finishes() const = 0;

  Context& context() const { return context_; }
  const LayerMemory& memory() const { return memory_; }
  NumberType type() const { return type_; }
  const void* weights() const { return weights_; }      // computed
  void* weights_gradient() const { return gradient_; }  // computed; training
  const float* bias() const { return bias_; }           // aligned; null without
  bool relu() const { return relu_; }

 private:
  void make_inference_memory(const KernelSpec& spec);

  Context& context_;
  LayerMemory memory_;
  FilterShape filter_;
  NumberType type_;
  bool training_;
  bool relu_;
  size_t rows_;  // of the output
  int channels_;
  const void* weights_ = nullptr;
  void* gradient_ = nullptr;
  const float* bias_ = nullptr;
  FoldedWeights* folded_ = nullptr;  // inference; the context's
};

}  // namespace podium::nn::cuda
