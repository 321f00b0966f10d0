// Dense layers by oneDNN's inner product: inputs [N,in] are NHWC-flattened, weights are [out,in].
//
// Weights stay in their canonical layout: reordering a wide layer every step costs more than the
// layout that oneDNN prefers gives back.
#include "nn/cpu/weighted_layer.hpp"

namespace podium::nn::cpu {
namespace {

using Desc = dnnl::memory::desc;
using Forward = dnnl::inner_product_forward;
using BackwardData = dnnl::inner_product_backward_data;
using BackwardWeights = dnnl::inner_product_backward_weights;

WeightedPlan plan_dense(const KernelSpec& spec) {
  const LayerPlan& layer = spec.layer;
  const dnnl::engine& engine = spec.context.engine;
  const int64_t inputs = layer.input.size();
  const int64_t outputs = layer.output.channels;
  WeightedPlan plan{matrix(spec.batch, inputs),
                    matrix(spec.batch, outputs),
                    matrix(outputs, inputs),
                    layer.bias ? vector(outputs) : Desc(),
                    {},
                    {},
                    {}};

  const Forward::desc forward(forward_kind(spec.pass), plan.source, plan.weights, plan.bias,
                              plan.result);
  const Forward::primitive_desc hint(forward, layer.relu ? attributes_with_relu() : attributes(),
                                     engine);
  plan.forward = {Forward(hint), hint.weights_desc(), hint.scratchpad_desc()};
  if (spec.pass == Pass::inference) return plan;

  if (spec.memory.input_gradient != nullptr) {
    const BackwardData::desc data(plan.source, plan.weights, plan.result);
    const BackwardData::primitive_desc desc(data, attributes(), engine, hint);
    plan.backward_data = {BackwardData(desc), desc.weights_desc(), desc.scratchpad_desc()};
  }
  const BackwardWeights::desc gradient(plan.source, plan.weights, plan.bias, plan.result);
  const BackwardWeights::primitive_desc desc(gradient, attributes(), engine, hint);
  plan.backward_weights = {BackwardWeights(desc), desc.diff_weights_desc(), desc.scratchpad_desc()};
  return plan;
}

}  // namespace

std::unique_ptr<Kernel> make_dense(const KernelSpec& spec) {
  return checked(spec.layer.name, [&] { return make_weighted_layer(spec, plan_dense(spec)); });
}

}  // namespace podium::nn::cpu
