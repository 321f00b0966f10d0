#include "nn/cpu/weighted_layer.hpp"

#include <optional>

#include "nn/cpu/folded_norm.hpp"
#include "nn/cpu/loops.hpp"

namespace podium::nn::cpu {
namespace {

class WeightedLayer final : public Kernel {
 public:
  WeightedLayer(const KernelSpec& spec, const WeightedPlan& plan)
      : context_(spec.context),
        memory_(spec.memory),
        outputs_(spec.output_count()),
        relu_(spec.layer.relu),
        training_(spec.pass == Pass::training),
        source_(context_, spec.layer.name + " (input)", plan.input, memory_.input, plan.source) {
    if (spec.layer.norm) {
      folded_.emplace(memory_, plan.weights.get_size() / sizeof(float),
                      static_cast<size_t>(spec.layer.output.channels));
    }
    bind_forward(spec.layer, plan);
    if (!training_) return;
    gradient_ = ReorderedBuffer(context_, spec.layer.name + " (gradient)", plan.result,
                                memory_.output_gradient, plan.gradient);
    if (memory_.input_gradient != nullptr) bind_backward_data(spec.layer, plan);
    bind_backward_weights(spec.layer, plan);
  }

  void load_parameters() override {
    if (folded_) folded_->refresh();
    weights_.refresh(context_);
  }

  void forward(const StepKey&) override {
    if (training_) weights_.refresh(context_);
    source_.refresh(context_);
    forward_.run(context_);
  }

  void backward(const StepKey&) override {
    if (relu_) mask_by_output(memory_.output, memory_.output_gradient, outputs_);
    gradient_.refresh(context_);
    if (backward_data_) {
      backward_weights_layout_.refresh(context_);
      backward_data_.run(context_);
    }
    backward_weights_.run(context_);
    weights_gradient_.flush(context_);
  }

 private:
  void bind_forward(const LayerPlan& layer, const WeightedPlan& plan) {
    const float* weights = folded_ ? folded_->weights() : memory_.weights;
    const float* bias = folded_ ? folded_->bias() : memory_.bias;
    weights_ = ReorderedBuffer(context_, layer.name, plan.weights, weights, plan.forward.weights);
    forward_ = BoundPrimitive(layer.name + " (forward)", plan.forward.primitive);
    forward_.bind(DNNL_ARG_SRC, source_.memory());
    forward_.bind(DNNL_ARG_WEIGHTS, weights_.memory());
    if (bias != nullptr) forward_.bind(DNNL_ARG_BIAS, view(context_, plan.bias, bias));
    forward_.bind(DNNL_ARG_DST, view(context_, plan.result, memory_.output));
    forward_.bind_scratchpad(context_, plan.forward.scratchpad);
  }

  void bind_backward_data(const LayerPlan& layer, const WeightedPlan& plan) {
    const bool shared = plan.backward_data.weights == plan.forward.weights;
    if (!shared) {
      backward_weights_layout_ = ReorderedBuffer(context_, layer.name, plan.weights,
                                                 memory_.weights, plan.backward_data.weights);
    }
    backward_data_ = BoundPrimitive(layer.name + " (backward data)", plan.backward_data.primitive);
    backward_data_.bind(DNNL_ARG_DIFF_DST, gradient_.memory());
    backward_data_.bind(DNNL_ARG_WEIGHTS,
                        shared ? weights_.memory() : backward_weights_layout_.memory());
    backward_data_.bind(DNNL_ARG_DIFF_SRC, view(context_, plan.input, memory_.input_gradient));
    backward_data_.bind_scratchpad(context_, plan.backward_data.scratchpad);
  }

  void bind_backward_weights(const LayerPlan& layer, const WeightedPlan& plan) {
    weights_gradient_ = ReorderedBuffer(context_, layer.name, plan.weights,
                                        memory_.weights_gradient, plan.backward_weights.weights);
    backward_weights_ =
        BoundPrimitive(layer.name + " (backward weights)", plan.backward_weights.primitive);
    backward_weights_.bind(DNNL_ARG_SRC, source_.memory());
    backward_weights_.bind(DNNL_ARG_DIFF_DST, gradient_.memory());
    backward_weights_.bind(DNNL_ARG_DIFF_WEIGHTS, weights_gradient_.memory());
    if (layer.bias) {
      backward_weights_.bind(DNNL_ARG_DIFF_BIAS, view(context_, plan.bias, memory_.bias_gradient));
    }
    backward_weights_.bind_scratchpad(context_, plan.backward_weights.scratchpad);
  }

  Context& context_;
  LayerMemory memory_;
  size_t outputs_;
  bool relu_;
  bool training_;
  std::optional<FoldedNorm> folded_;
  ReorderedBuffer source_;
  ReorderedBuffer gradient_;
  ReorderedBuffer weights_;
  ReorderedBuffer backward_weights_layout_;
  ReorderedBuffer weights_gradient_;
  BoundPrimitive forward_;
  BoundPrimitive backward_data_;
  BoundPrimitive backward_weights_;
};

}  // namespace

std::unique_ptr<Kernel> make_weighted_layer(const KernelSpec& spec, const WeightedPlan& plan) {
  return std::make_unique<WeightedLayer>(spec, plan);
}

}  // namespace podium::nn::cpu
