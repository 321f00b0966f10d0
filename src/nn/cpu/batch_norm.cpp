// Batch normalisation (Ioffe & Szegedy 2015) by oneDNN, with epsilon 1e-5 and running statistics as
// in PyTorch: momentum 0.1, unbiased variance. A following ReLU is computed on the way.
#include "nn/cpu/kernels.hpp"

namespace podium::nn::cpu {
namespace {

using Flags = dnnl::normalization_flags;
using Forward = dnnl::batch_normalization_forward;
using Backward = dnnl::batch_normalization_backward;

constexpr float kEpsilon = 1e-5F;
constexpr float kMomentum = 0.1F;

Flags flags_of(const KernelSpec& spec) {
  Flags flags = Flags::use_scale_shift;
  if (spec.layer.relu) flags |= Flags::fuse_norm_relu;
  if (spec.pass == Pass::inference) flags |= Flags::use_global_stats;
  return flags;
}

class BatchNorm final : public Kernel {
 public:
  explicit BatchNorm(const KernelSpec& spec)
      : context_(spec.context),
        memory_(spec.memory),
        channels_(static_cast<size_t>(spec.layer.output.channels)),
        population_(static_cast<float>(spec.layer.output.pixels() * spec.batch)),
        batch_statistics_(spec.pass == Pass::training ? 2 * channels_ : 0) {
    const auto values = nhwc(spec.batch, spec.layer.output);
    const Forward::desc wanted(forward_kind(spec.pass), values, kEpsilon, flags_of(spec));
    const Forward::primitive_desc desc(wanted, attributes(), context_.engine);
    if (spec.pass == Pass::training) workspace_ = {desc.workspace_desc(), context_.engine};
    bind_forward(spec, values, desc);
    if (spec.pass == Pass::training) bind_backward(spec, values, desc);
  }

  void forward(const StepKey&) override {
    forward_.run(context_);
    if (batch_statistics_.size() > 0) update_running_statistics();
  }

  void backward(const StepKey&) override { backward_.run(context_); }

 private:
  void bind_forward(const KernelSpec& spec, const dnnl::memory::desc& values,
                    const Forward::primitive_desc& desc) {
    forward_ = BoundPrimitive(spec.layer.name + " (forward)", Forward(desc));
    forward_.bind(DNNL_ARG_SRC, view(context_, values, memory_.input));
    forward_.bind(DNNL_ARG_DST, view(context_, values, memory_.output));
    bind_parameters(forward_);
    const bool training = spec.pass == Pass::training;
    if (training) forward_.bind(DNNL_ARG_WORKSPACE, workspace_);
    bind_statistics(forward_, training ? batch_statistics_.data() : memory_.running_mean,
                    training ? batch_statistics_.data() + channels_ : memory_.running_variance);
    forward_.bind_scratchpad(context_, desc.scratchpad_desc());
  }

  void bind_backward(const KernelSpec& spec, const dnnl::memory::desc& values,
                     const Forward::primitive_desc& hint) {
    const Backward::desc wanted(dnnl::prop_kind::backward, values, values, kEpsilon,
                                flags_of(spec));
    const Backward::primitive_desc desc(wanted, attributes(), context_.engine, hint);
    backward_ = BoundPrimitive(spec.layer.name + " (backward)", Backward(desc));
    backward_.bind(DNNL_ARG_SRC, view(context_, values, memory_.input));
    backward_.bind(DNNL_ARG_DIFF_DST, view(context_, values, memory_.output_gradient));
    backward_.bind(DNNL_ARG_DIFF_SRC, view(context_, values, memory_.input_gradient));
    bind_parameters(backward_);
    backward_.bind(DNNL_ARG_DIFF_SCALE_SHIFT,
                   view(context_, scale_shift(), memory_.weights_gradient));
    backward_.bind(DNNL_ARG_WORKSPACE, workspace_);
    bind_statistics(backward_, batch_statistics_.data(), batch_statistics_.data() + channels_);
    backward_.bind_scratchpad(context_, desc.scratchpad_desc());
  }

  void bind_parameters(BoundPrimitive& primitive) {
    primitive.bind(DNNL_ARG_SCALE_SHIFT, view(context_, scale_shift(), memory_.weights));
  }

  void bind_statistics(BoundPrimitive& primitive, const float* mean, const float* variance) {
    const auto per_channel = vector(static_cast<int64_t>(channels_));
    primitive.bind(DNNL_ARG_MEAN, view(context_, per_channel, mean));
    primitive.bind(DNNL_ARG_VARIANCE, view(context_, per_channel, variance));
  }

  dnnl::memory::desc scale_shift() const { return matrix(2, static_cast<int64_t>(channels_)); }

  void update_running_statistics() {
    const float unbiased = population_ > 1 ? population_ / (population_ - 1) : 1.0F;
    const float* mean = batch_statistics_.data();
    const float* variance = mean + channels_;
    for (size_t c = 0; c < channels_; ++c) {
      memory_.running_mean[c] += kMomentum * (mean[c] - memory_.running_mean[c]);
      memory_.running_variance[c] +=
          kMomentum * (unbiased * variance[c] - memory_.running_variance[c]);
    }
  }

  Context& context_;
  LayerMemory memory_;
  size_t channels_;
  float population_;                // values per channel
  AlignedBuffer batch_statistics_;  // mean, then biased variance; empty at inference
  dnnl::memory workspace_;          // the mask of the fused ReLU
  BoundPrimitive forward_;
  BoundPrimitive backward_;
};

}  // namespace

std::unique_ptr<Kernel> make_batch_norm(const KernelSpec& spec) {
  return checked(spec.layer.name, [&] { return std::make_unique<BatchNorm>(spec); });
}

}  // namespace podium::nn::cpu
