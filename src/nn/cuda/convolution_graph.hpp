// The convolutions of one layer as cuDNN's graphs: activations NHWC, filters OHWI.
//
// Padding is "same", with the smaller half before the first row (network_plan.hpp). Where a kernel
// has an even side that would be asymmetric, which few of cuDNN's engines can: such a filter is
// given one row or column of zeros before its first, and is then an odd one with equal padding.
#pragma once

#include "nn/cuda/cudnn_plan.hpp"
#include "nn/cuda/number_type.hpp"
#include "nn/network_plan.hpp"

namespace podium::nn::cuda {

// The side of a filter as it is computed with, and the zeros before its first row.
constexpr int odd_side(int side) {
  return side + 1 - side % 2;
}

struct ConvolutionShape {
  int batch = 0;
  ImageShape input;
  ImageShape output;
  int kernel_height = 0;  // odd
  int kernel_width = 0;
  int stride = 1;
  NumberType type = NumberType::fp32;

  ConvolutionShape(const LayerPlan& layer, int a_batch, NumberType a_type)
      : batch(a_batch),
        input(layer.input),
        output(layer.output),
        kernel_height(odd_side(layer.kernel_height)),
        kernel_width(odd_side(layer.kernel_width)),
        stride(layer.stride),
        type(a_type) {}

  size_t filter_count() const {
    return static_cast<size_t>(output.channels) * static_cast<size_t>(input.channels) *
           static_cast<size_t>(kernel_height * kernel_width);
  }
};

// The numbers of the tensors in a plan.
enum Tensor : int64_t { kInput = 1, kFilter = 2, kOutput = 3, kBias = 4, kSums = 5, kSquares = 6 };

// What is computed with a forward convolution: output = relu(convolution + bias), or the sums of
// its output and of the output's squares over all pixels, by channel.
struct Epilogue {
  bool bias = false;  // fp32 [O]
  bool relu = false;
  bool moments = false;  // fp32 [O] each; without bias and ReLU

  bool any() const { return bias || relu || moments; }
};

// Each is empty when cuDNN has no engine for it.
Plan plan_forward(const PlanTarget& target, const ConvolutionShape& shape, const Epilogue& epilogue,
                  Rounding rounding, const std::string& where);
// kOutput holds the gradient of the output and kInput becomes that of the input.
Plan plan_backward_data(const PlanTarget& target, const ConvolutionShape& shape, Rounding rounding,
                        const std::string& where);
// kOutput holds the gradient of the output and kFilter becomes that of the filter, in the type of
// the activations.
Plan plan_backward_filter(const PlanTarget& target, const ConvolutionShape& shape,
                          Rounding rounding, const std::string& where);

}  // namespace podium::nn::cuda
