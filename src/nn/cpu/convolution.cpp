// Convolution with "same" padding by oneDNN, on NHWC activations.
#include "nn/cpu/weighted_layer.hpp"

namespace podium::nn::cpu {
namespace {

using Desc = dnnl::memory::desc;
using Dims = dnnl::memory::dims;
using Forward = dnnl::convolution_forward;
using BackwardData = dnnl::convolution_backward_data;
using BackwardWeights = dnnl::convolution_backward_weights;

constexpr auto kDirect = dnnl::algorithm::convolution_direct;

Desc oihw(const LayerPlan& layer) {
  return {{layer.output.channels, layer.input.channels, layer.kernel_height, layer.kernel_width},
          dnnl::memory::data_type::f32,
          dnnl::memory::format_tag::oihw};
}

WeightedPlan plan_convolution(const KernelSpec& spec) {
  const LayerPlan& layer = spec.layer;
  const dnnl::engine& engine = spec.context.engine;
  const Dims strides = {layer.stride, layer.stride};
  const Dims before = {layer.padding_before(layer.kernel_height),
                       layer.padding_before(layer.kernel_width)};
  const Dims after = {layer.padding_after(layer.kernel_height),
                      layer.padding_after(layer.kernel_width)};
  WeightedPlan plan{nhwc(spec.batch, layer.input),
                    nhwc(spec.batch, layer.output),
                    oihw(layer),
                    layer.bias ? vector(layer.output.channels) : Desc(),
                    {},
                    {},
                    {}};
  const Desc weights = any_layout(plan.weights);

  const Forward::desc forward(forward_kind(spec.pass), kDirect, plan.source, weights, plan.bias,
                              plan.result, strides, before, after);
  const Forward::primitive_desc hint(forward, layer.relu ? attributes_with_relu() : attributes(),
                                     engine);
  plan.forward = {Forward(hint), hint.weights_desc(), hint.scratchpad_desc()};
  if (spec.pass == Pass::inference) return plan;

  if (spec.memory.input_gradient != nullptr) {
    const BackwardData::desc data(kDirect, plan.source, weights, plan.result, strides, before,
                                  after);
    const BackwardData::primitive_desc desc(data, attributes(), engine, hint);
    plan.backward_data = {BackwardData(desc), desc.weights_desc(), desc.scratchpad_desc()};
  }
  const BackwardWeights::desc gradient(kDirect, plan.source, weights, plan.bias, plan.result,
                                       strides, before, after);
  const BackwardWeights::primitive_desc desc(gradient, attributes(), engine, hint);
  plan.backward_weights = {BackwardWeights(desc), desc.diff_weights_desc(), desc.scratchpad_desc()};
  return plan;
}

}  // namespace

std::unique_ptr<Kernel> make_convolution(const KernelSpec& spec) {
  return checked(spec.layer.name,
                 [&] { return make_weighted_layer(spec, plan_convolution(spec)); });
}

}  // namespace podium::nn::cpu
