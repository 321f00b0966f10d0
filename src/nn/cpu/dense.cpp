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

// Fills the layouts of `plan`. Returns that of the weights, and of their gradient, which the
// primitives work on in fp32.
Desc plan_layouts(const KernelSpec& spec, WeightedPlan& plan) {
  const LayerPlan& layer = spec.layer;
  const int64_t outputs = layer.output.channels;
  plan.result = matrix(spec.batch, outputs);
  plan.gradient = matrix(spec.batch, outputs, spec.data_type());
  if (layer.bias || layer.norm) plan.bias = vector(outputs);
  if (layer.input_block == 0 || layer.input.pixels() == 1) {
    plan.input = matrix(spec.batch, layer.input.size());
    plan.source = matrix(spec.batch, layer.input.size(), spec.data_type());
    plan.weights = matrix(outputs, layer.input.size());
    return plan.weights;
  }
  plan.input = activations(spec.batch, layer.input, layer.input_block);
  plan.source = activations(spec.batch, layer.input, layer.input_block, spec.data_type());
  const dnnl::memory::dims dims = {outputs, layer.input.channels, layer.input.height,
                                   layer.input.width};
  plan.weights = Desc(dims, DataType::f32, Tag::ohwi);
  return Desc(dims, DataType::f32, Tag::nChw16c);
}

WeightedPlan plan_dense(const KernelSpec& spec) {
  const LayerPlan& layer = spec.layer;
  const dnnl::engine& engine = spec.context.engine;
  WeightedPlan plan;
  const Desc plain = plan_layouts(spec, plan);
  // Other types are copied in any case.
  const Desc weights =
      spec.data_type() == DataType::f32 ? plain : any_layout(plain, spec.data_type());

  const Forward::desc forward(forward_kind(spec.pass), plan.source, weights, plan.bias,
                              plan.result);
  const Forward::primitive_desc hint(forward, attributes_with(false, layer.relu), engine);
  plan.forward = {Forward(hint), hint.weights_desc(), hint.scratchpad_desc()};
  if (spec.pass == Pass::inference) return plan;

  if (spec.memory.input_gradient != nullptr) {
    const BackwardData::desc data(plan.input, weights, plan.gradient);
    const BackwardData::primitive_desc desc(data, attributes(), engine, hint);
    plan.backward_data = {BackwardData(desc), desc.weights_desc(), desc.scratchpad_desc()};
  }
  const BackwardWeights::desc gradient(plan.source, plain, plan.bias, plan.gradient);
  const BackwardWeights::primitive_desc desc(gradient, attributes(), engine, hint);
  plan.backward_weights = {BackwardWeights(desc), desc.diff_weights_desc(), desc.scratchpad_desc()};
  return plan;
}

}  // namespace

std::unique_ptr<Kernel> make_dense(const KernelSpec& spec) {
  return checked(spec.layer.name, [&] { return make_weighted_layer(spec, plan_dense(spec)); });
}

}  // namespace podium::nn::cpu
