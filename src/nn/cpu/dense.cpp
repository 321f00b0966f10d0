// Dense layers by oneDNN's inner product: weights are [out,in], over NHWC-flattened inputs.
//
// Weights stay in their canonical layout: reordering a wide layer every step costs more than the
// layout that oneDNN prefers gives back. Only behind activations in blocks they follow their order.
#include "nn/cpu/weighted_layer.hpp"

namespace podium::nn::cpu {
namespace {

using Desc = dnnl::memory::desc;
using Tag = dnnl::memory::format_tag;
using Forward = dnnl::inner_product_forward;
using BackwardData = dnnl::inner_product_backward_data;
using BackwardWeights = dnnl::inner_product_backward_weights;

// Fills the layouts of `plan`. Returns that of the weights which the primitives read.
Desc plan_layouts(const KernelSpec& spec, WeightedPlan& plan) {
  const LayerPlan& layer = spec.layer;
  const int64_t outputs = layer.output.channels;
  plan.result = matrix(spec.batch, outputs);
  if (layer.bias || layer.norm) plan.bias = vector(outputs);
  if (layer.input_block == 0 || layer.input.pixels() == 1) {
    plan.input = plan.source = matrix(spec.batch, layer.input.size());
    plan.weights = matrix(outputs, layer.input.size());
    return plan.weights;
  }
  plan.input = plan.source = activations(spec.batch, layer.input, layer.input_block);
  const dnnl::memory::dims dims = {outputs, layer.input.channels, layer.input.height,
                                   layer.input.width};
  plan.weights = Desc(dims, dnnl::memory::data_type::f32, Tag::ohwi);
  return Desc(dims, dnnl::memory::data_type::f32, Tag::nChw16c);
}

WeightedPlan plan_dense(const KernelSpec& spec) {
  const LayerPlan& layer = spec.layer;
  const dnnl::engine& engine = spec.context.engine;
  WeightedPlan plan;
  const Desc weights = plan_layouts(spec, plan);

  const Forward::desc forward(forward_kind(spec.pass), plan.source, weights, plan.bias,
                              plan.result);
  const Forward::primitive_desc hint(forward, attributes_with(false, layer.relu), engine);
  plan.forward = {Forward(hint), hint.weights_desc(), hint.scratchpad_desc()};
  if (spec.pass == Pass::inference) return plan;

  if (spec.memory.input_gradient != nullptr) {
    const BackwardData::desc data(plan.source, weights, plan.result);
    const BackwardData::primitive_desc desc(data, attributes(), engine, hint);
    plan.backward_data = {BackwardData(desc), desc.weights_desc(), desc.scratchpad_desc()};
  }
  const BackwardWeights::desc gradient(plan.source, weights, plan.bias, plan.result);
  const BackwardWeights::primitive_desc desc(gradient, attributes(), engine, hint);
  plan.backward_weights = {BackwardWeights(desc), desc.diff_weights_desc(), desc.scratchpad_desc()};
  return plan;
}

}  // namespace

std::unique_ptr<Kernel> make_dense(const KernelSpec& spec) {
  return checked(spec.layer.name, [&] { return make_weighted_layer(spec, plan_dense(spec)); });
}

}  // namespace podium::nn::cpu
