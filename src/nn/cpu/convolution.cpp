// Convolution with "same" padding by oneDNN.
#include <algorithm>

#include "nn/cpu/weighted_layer.hpp"

namespace podium::nn::cpu {
namespace {

using Desc = dnnl::memory::desc;
using Dims = dnnl::memory::dims;
using Forward = dnnl::convolution_forward;
using BackwardData = dnnl::convolution_backward_data;
using BackwardWeights = dnnl::convolution_backward_weights;

Desc oihw(const LayerPlan& layer) {
  return {{layer.output.channels, layer.input.channels, layer.kernel_height, layer.kernel_width},
          DataType::f32,
          dnnl::memory::format_tag::oihw};
}

// oneDNN reads an image in planes where it makes blocks of it.
WeightedPlan plan_layouts(const KernelSpec& spec) {
  const LayerPlan& layer = spec.layer;
  WeightedPlan plan;
  plan.input = activations(spec.batch, layer.input, layer.input_block);
  const bool image = layer.input_block == 0 && layer.output_block > 0;
  plan.source = image ? planar(spec.batch, layer.input, spec.data_type())
                      : activations(spec.batch, layer.input, layer.input_block, spec.data_type());
  plan.result = activations(spec.batch, layer.output, layer.output_block);
  plan.gradient = activations(spec.batch, layer.output, layer.output_block, spec.data_type());
  if (layer.bias || layer.norm) plan.bias = vector(layer.output.channels);
  return plan;
}

// Whether Winograd's minimal filtering (Lavin & Gray 2016, F(4x4, 3x3)) pays: it does for square
// steps of one pixel between many channels that tiles of 4x4 cover well, with enough tiles to fill
// its matrix products. It rounds differently, by about 1e-5 of the largest activation.
bool winograd_pays(const KernelSpec& spec) {
  constexpr int min_covered_channels = 16;
  constexpr int min_tiles = 64;
  const LayerPlan& layer = spec.layer;
  if (spec.context.numerics.rounding == Rounding::exact || spec.data_type() != DataType::f32 ||
      layer.input_block == 0 || layer.kernel_height != 3 || layer.kernel_width != 3 ||
      layer.stride != 1) {
    return false;
  }
  const int64_t tiles =
      int64_t{(layer.output.height + 3) / 4} * int64_t{(layer.output.width + 3) / 4};
  const int64_t channels = std::min(layer.input.channels, layer.output.channels);
  return channels * layer.output.pixels() >= min_covered_channels * tiles * 16 &&
         tiles * spec.batch >= min_tiles;
}

// The forward, backward-data and backward-weights convolutions of one layer by one algorithm.
class Convolutions {
 public:
  Convolutions(const KernelSpec& spec, const WeightedPlan& plan, dnnl::algorithm algorithm)
      : spec_(spec),
        plan_(plan),
        algorithm_(algorithm),
        strides_{spec.layer.stride, spec.layer.stride},
        before_{spec.layer.padding_before(spec.layer.kernel_height),
                spec.layer.padding_before(spec.layer.kernel_width)},
        after_{spec.layer.padding_after(spec.layer.kernel_height),
               spec.layer.padding_after(spec.layer.kernel_width)},
        weights_(any_layout(plan.weights, spec.data_type())),
        forward_(describe_forward()) {}

  PlannedPrimitive forward() const {
    return {Forward(forward_), forward_.weights_desc(), forward_.scratchpad_desc()};
  }

  PlannedPrimitive backward_data() const {
    const BackwardData::desc data(algorithm_, plan_.input, weights_, plan_.gradient, strides_,
                                  before_, after_);
    const BackwardData::primitive_desc desc(data, attributes(), engine(), forward_);
    return {BackwardData(desc), desc.weights_desc(), desc.scratchpad_desc()};
  }

  PlannedPrimitive backward_weights() const {
    const BackwardWeights::desc gradient(algorithm_, plan_.source, any_layout(plan_.weights),
                                         plan_.bias, plan_.gradient, strides_, before_, after_);
    const BackwardWeights::primitive_desc desc(gradient, attributes(), engine(), forward_);
    return {BackwardWeights(desc), desc.diff_weights_desc(), desc.scratchpad_desc()};
  }

 private:
  const dnnl::engine& engine() const { return spec_.context.engine; }

  Forward::primitive_desc describe_forward() const {
    const LayerPlan& layer = spec_.layer;
    // For inference alone oneDNN would want transformed weights, which it cannot make from ours.
    const bool winograd = algorithm_ == dnnl::algorithm::convolution_winograd;
    const auto kind = winograd ? dnnl::prop_kind::forward_training : forward_kind(spec_.pass);
    const Forward::desc forward(kind, algorithm_, plan_.source, weights_, plan_.bias, plan_.result,
                                strides_, before_, after_);
    return {forward, attributes_with(layer.adds_side(), layer.relu), engine()};
  }

  const KernelSpec& spec_;
  const WeightedPlan& plan_;
  dnnl::algorithm algorithm_;
  Dims strides_;
  Dims before_;
  Dims after_;
  Desc weights_;
  Forward::primitive_desc forward_;
};

void plan_primitives(const KernelSpec& spec, WeightedPlan& plan, dnnl::algorithm algorithm) {
  const Convolutions convolutions(spec, plan, algorithm);
  plan.forward = convolutions.forward();
  if (spec.pass == Pass::inference) return;
  if (spec.memory.input_gradient != nullptr) plan.backward_data = convolutions.backward_data();
  plan.backward_weights = convolutions.backward_weights();
}

WeightedPlan plan_convolution(const KernelSpec& spec) {
  WeightedPlan plan = plan_layouts(spec);
  plan.weights = oihw(spec.layer);
  if (winograd_pays(spec)) {
    try {
      plan_primitives(spec, plan, dnnl::algorithm::convolution_winograd);
      return plan;
    } catch (const dnnl::error& error) {
      if (error.status != dnnl_unimplemented) throw;  // oneDNN 3 has it for fewer processors
    }
  }
  plan_primitives(spec, plan, dnnl::algorithm::convolution_direct);
  return plan;
}

}  // namespace

std::unique_ptr<Kernel> make_convolution(const KernelSpec& spec) {
  return checked(spec.layer.name,
                 [&] { return make_weighted_layer(spec, plan_convolution(spec)); });
}

}  // namespace podium::nn::cpu
