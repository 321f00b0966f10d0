// Convolution with "same" padding by cuDNN. Plans are made once per batch size; where cuDNN has no
// engine that adds the bias and computes the ReLU with the convolution, a kernel of ours does;
// where it has none that sums for a batch norm, the norm does.
#include <algorithm>
#include <array>

#include "core/error.hpp"
#include "nn/cuda/convolution_graph.hpp"
#include "nn/cuda/weighted_layer.hpp"

namespace podium::nn::cuda {
namespace {

FilterShape filter_of(const LayerPlan& layer) {
  return {layer.output.channels, layer.input.channels, layer.kernel_height, layer.kernel_width};
}

[[noreturn]] void throw_unsupported(const char* pass, const std::string& name) {
  throw internal_error(std::string("cuDNN has no deterministic engine for a convolution, ") + pass,
                       name, "please report the architecture text and the batch size");
}

class Convolution final : public WeightedLayer {
 public:
  explicit Convolution(const KernelSpec& spec)
      : WeightedLayer(spec, filter_of(spec.layer)),
        name_(spec.layer.name),
        sums_(spec.layer.moments) {
    const ConvolutionShape shape(spec.layer, spec.batch, spec.type());
    const PlanTarget target(spec.context.cudnn.get());
    const Rounding rounding = spec.context.numerics.rounding;
    plan_forward_pass(target, shape, rounding);
    reserve(forward_);
    if (!spec.training()) return;
    if (spec.memory.input_gradient != nullptr) {
      data_ = plan_backward_data(target, shape, rounding, name_);
      if (!data_) throw_unsupported("backward by its input", name_);
      reserve(data_);
    }
    filter_ = plan_backward_filter(target, shape, rounding, name_);
    if (!filter_) throw_unsupported("backward by its filter", name_);
    reserve(filter_);
  }

 private:
  void plan_forward_pass(const PlanTarget& target, const ConvolutionShape& shape,
                         Rounding rounding) {
    const Epilogue epilogue{.bias = bias() != nullptr, .relu = relu()};
    finishes_ = true;
    if (sums_for_norm(target, shape, rounding)) return;
    // A bias is fp32, which cuDNN adds to fp32 alone.
    if (shape.type == NumberType::fp32 || !epilogue.any()) {
      forward_ = plan_forward(target, shape, epilogue, rounding, name_);
      if (forward_) return;
    }
    finishes_ = false;
    forward_ = plan_forward(target, shape, {}, rounding, name_);
    if (!forward_) throw_unsupported("forward", name_);
  }

  // Whether there is a plan that does, which is then the one to run.
  bool sums_for_norm(const PlanTarget& target, const ConvolutionShape& shape, Rounding rounding) {
    if (!sums_) return false;
    forward_ = plan_forward(target, shape, {.moments = true}, rounding, name_);
    if (!forward_) {
      sums_ = false;
      return false;
    }
    const auto channels = static_cast<size_t>(shape.output.channels);
    squares_at_ = (channels + 3) / 4 * 4;  // aligned to 16 bytes
    moments_ = {2 * squares_at_, "moments of " + name_};
    context().norm_sums[memory().output] = {moments_.data(), moments_.data() + squares_at_};
    return true;
  }

  void reserve(const Plan& plan) { context().workspace.reserve(plan.workspace_bytes()); }

  bool finishes() const override { return finishes_; }

  void multiply() override {
    std::array<int64_t, 5> tensors = {kInput, kFilter, kOutput};
    std::array<void*, 5> places = {const_cast<float*>(memory().input), const_cast<void*>(weights()),
                                   memory().output};
    size_t count = 3;
    const auto add = [&](int64_t tensor, const float* place) {
      tensors[count] = tensor;
      places[count++] = const_cast<float*>(place);
    };
    if (sums_) {
      add(kSums, moments_.data());
      add(kSquares, moments_.data() + squares_at_);
    } else if (finishes_ && bias() != nullptr) {
      add(kBias, bias());
    }
    run(forward_, std::span(tensors).first(count), std::span(places).first(count));
  }

  void multiply_backward_data() override {
    run_single(data_, memory().input_gradient, const_cast<void*>(weights()),
               memory().output_gradient);
  }

  void multiply_backward_weights() override {
    run_single(filter_, const_cast<float*>(memory().input), weights_gradient(),
               memory().output_gradient);
  }

  void run_single(const Plan& plan, void* input, void* filter, void* output) {
    constexpr std::array<int64_t, 3> tensors = {kInput, kFilter, kOutput};
    const std::array<void*, 3> places = {input, filter, output};
    run(plan, tensors, places);
  }

  void run(const Plan& plan, std::span<const int64_t> tensors, std::span<void* const> places) {
    plan.run(context().cudnn.get(), tensors, places, context().workspace.data(), name_);
  }

  std::string name_;
  bool finishes_ = false;
  bool sums_ = false;  // for the batch norm behind
  podium::cuda::DeviceBuffer<float> moments_;
  size_t squares_at_ = 0;
  Plan forward_;
  Plan data_;
  Plan filter_;
};

}  // namespace

std::unique_ptr<Kernel> make_convolution(const KernelSpec& spec) {
  require(!spec.layer.adds_side(), "a convolution that adds a side", spec.layer.name.c_str());
  return std::make_unique<Convolution>(spec);
}

}  // namespace podium::nn::cuda
