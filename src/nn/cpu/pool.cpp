// Max, average and global average pooling by oneDNN, without padding.
#include "nn/cpu/kernels.hpp"

namespace podium::nn::cpu {
namespace {

using Forward = dnnl::pooling_forward;
using Backward = dnnl::pooling_backward;

class Pool final : public Kernel {
 public:
  explicit Pool(const KernelSpec& spec) : context_(spec.context) {
    const LayerPlan& layer = spec.layer;
    const auto algorithm = layer.op == LayerOp::max_pool
                               ? dnnl::algorithm::pooling_max
                               : dnnl::algorithm::pooling_avg_exclude_padding;
    const dnnl::memory::dims strides = {layer.stride, layer.stride};
    const dnnl::memory::dims window = {layer.kernel_height, layer.kernel_width};
    const dnnl::memory::dims none = {0, 0};
    const auto source = activations(spec.batch, layer.input, layer.input_block);
    const auto result = activations(spec.batch, layer.output, layer.output_block);

    const Forward::desc forward(forward_kind(spec.pass), algorithm, source, result, strides, window,
                                none, none);
    const Forward::primitive_desc hint(forward, attributes(), context_.engine);
    const bool remembers = spec.pass == Pass::training && layer.op == LayerOp::max_pool;
    if (remembers) workspace_ = {hint.workspace_desc(), context_.engine};
    forward_ = BoundPrimitive(layer.name + " (forward)", Forward(hint));
    forward_.bind(DNNL_ARG_SRC, view(context_, source, spec.memory.input));
    forward_.bind(DNNL_ARG_DST, view(context_, result, spec.memory.output));
    if (remembers) forward_.bind(DNNL_ARG_WORKSPACE, workspace_);
    forward_.bind_scratchpad(context_, hint.scratchpad_desc());
    if (spec.memory.input_gradient == nullptr) return;

    const Backward::desc backward(algorithm, source, result, strides, window, none, none);
    const Backward::primitive_desc desc(backward, attributes(), context_.engine, hint);
    backward_ = BoundPrimitive(layer.name + " (backward)", Backward(desc));
    backward_.bind(DNNL_ARG_DIFF_DST, view(context_, result, spec.memory.output_gradient));
    backward_.bind(DNNL_ARG_DIFF_SRC, view(context_, source, spec.memory.input_gradient));
    if (remembers) backward_.bind(DNNL_ARG_WORKSPACE, workspace_);
    backward_.bind_scratchpad(context_, desc.scratchpad_desc());
  }

  void forward(const StepKey&) override { forward_.run(context_); }
  void backward(const StepKey&) override { backward_.run(context_); }

 private:
  Context& context_;
  dnnl::memory workspace_;  // where each maximum was
  BoundPrimitive forward_;
  BoundPrimitive backward_;
};

}  // namespace

std::unique_ptr<Kernel> make_pool(const KernelSpec& spec) {
  return checked(spec.layer.name, [&] { return std::make_unique<Pool>(spec); });
}

}  // namespace podium::nn::cpu
