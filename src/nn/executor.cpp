#include "nn/executor.hpp"

#include <algorithm>
#include <limits>

namespace podium::nn {
namespace {

float* at(float* base, size_t offset) {
  return offset == kNoPlace ? nullptr : base + offset;
}

class Binder {
 public:
  Binder(const ActivationPlan& places, const NetworkMemory& memory)
      : places_(places), memory_(memory) {}

  float* data(int id) const {
    return id == kNoValue ? nullptr : at(memory_.arena, places_.data[static_cast<size_t>(id)]);
  }

  float* gradient(int id) const {
    return id == kNoValue ? nullptr : at(memory_.arena, places_.gradients[static_cast<size_t>(id)]);
  }

  LayerMemory bind(const LayerPlan& layer) const {
    LayerMemory bound;
    bound.input = data(layer.source);
    bound.side = data(layer.side);
    bound.output = data(layer.result);
    bound.input_gradient = gradient(layer.source);
    bound.side_gradient = gradient(layer.side);
    bound.output_gradient = gradient(layer.result);
    if (layer.parameters > 0) bind_parameters(layer, bound);
    return bound;
  }

 private:
  void bind_parameters(const LayerPlan& layer, LayerMemory& bound) const {
    bound.weights = memory_.parameters + layer.weights;
    bound.weights_gradient = memory_.gradients + layer.weights;
    if (layer.bias) {
      bound.bias = memory_.parameters + layer.biases;
      bound.bias_gradient = memory_.gradients + layer.biases;
    }
    if (layer.norm) bound.norm_scale = memory_.parameters + layer.norm_weights;
    if (layer.norm || layer.op == LayerOp::batch_norm) {
      bound.running_mean =
          memory_.statistics + (layer.norm ? layer.norm_statistics : layer.statistics);
      bound.running_variance = bound.running_mean + layer.output.channels;
    }
  }

  const ActivationPlan& places_;
  const NetworkMemory& memory_;
};

}  // namespace

Executor::Executor(Ops& ops, const NetworkPlan& network, const ActivationPlan& places,
                   const NetworkMemory& memory, int batch, Pass pass)
    : batch_(batch) {
  const Binder binder(places, memory);
  input_ = binder.data(0);
  logits_ = binder.data(network.output);
  logits_gradient_ = binder.gradient(network.output);
  size_t unfinished = 0;  // end of the parameters of layers up to here, which come later
  for (const LayerPlan& layer : network.layers) {
    const LayerMemory bound = binder.bind(layer);
    forward_.push_back(ops.make_kernel(layer, batch, pass, bound));
    const bool masks_side = layer.adds_side() && bound.side_gradient != nullptr;
    const bool has_work = layer.parameters > 0 || bound.input_gradient != nullptr || masks_side;
    if (pass == Pass::training && has_work) {
      backward_.insert(backward_.begin(), {forward_.back().get(), unfinished});
    }
    if (layer.parameters > 0) {
      unfinished = std::max(unfinished, layer.weights + static_cast<size_t>(layer.parameters));
    }
  }
}

void Executor::load_parameters() {
  for (const auto& kernel : forward_) kernel->load_parameters();
}

void Executor::forward(const StepKey& key) {
  for (const auto& kernel : forward_) kernel->forward(key);
}

void Executor::backward(const StepKey& key, const GradientsReady& ready) {
  size_t final_from = std::numeric_limits<size_t>::max();
  for (const BackwardStep& step : backward_) {
    step.kernel->backward(key);
    if (!ready || step.final_from == final_from) continue;
    final_from = step.final_from;
    ready(final_from);
  }
}

}  // namespace podium::nn
