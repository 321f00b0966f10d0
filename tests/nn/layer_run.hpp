// One layer by itself on a backend: forward and backward on given numbers, with outputs that hold
// poison before.
#pragma once

#include <limits>
#include <vector>

#include "nn/cpu/cpu_ops.hpp"
#include "nn/gpu_fixture.hpp"

namespace podium::nn::test {

struct LayerCase {
  LayerPlan layer;
  int batch = 1;
  Pass pass = Pass::training;
  size_t weights = 0;  // floats; batch norm: scale and shift
  bool side = false;   // a residual sum's second input
  bool input_gradient = true;
  bool quantised = false;  // few different inputs: equal ones in a window
};

struct LayerResult {
  std::vector<float> output;
  std::vector<float> output_gradient;  // as the layer leaves it
  std::vector<float> input_gradient;
  std::vector<float> weights_gradient;
  std::vector<float> bias_gradient;
  std::vector<float> mean;
  std::vector<float> variance;
};

class LayerRun {
 public:
  LayerRun(Ops& ops, const LayerCase& the_case)
      : ops_(ops),
        case_(the_case),
        inputs_(static_cast<size_t>(the_case.layer.input.size() * the_case.batch)),
        outputs_(static_cast<size_t>(the_case.layer.output.size() * the_case.batch)),
        channels_(static_cast<size_t>(the_case.layer.output.channels)) {}

  LayerResult run(const StepKey& key = {3, 5}) {
    const LayerMemory memory = bind();
    const auto kernel = ops_.make_kernel(case_.layer, case_.batch, case_.pass, memory);
    ops_.begin_step(key);
    kernel->load_parameters();
    kernel->forward(key);
    LayerResult result;
    if (case_.pass == Pass::training) {
      ops_.synchronise();
      fill(output_gradient_, random_values(outputs_, 4));
      kernel->backward(key);
      ops_.end_backward();
    }
    ops_.synchronise();
    const auto copy = [](const AlignedBuffer& buffer) {
      return std::vector<float>(buffer.span().begin(), buffer.span().end());
    };
    if (case_.layer.op != LayerOp::fork) result.output = copy(output_);
    if (case_.pass == Pass::training) {
      result.output_gradient = copy(output_gradient_);
      if (case_.input_gradient) result.input_gradient = copy(input_gradient_);
      result.weights_gradient = copy(weights_gradient_);
      result.bias_gradient = copy(bias_gradient_);
    }
    result.mean = copy(mean_);
    result.variance = copy(variance_);
    return result;
  }

 private:
  static void fill(AlignedBuffer& buffer, const std::vector<float>& values) {
    std::ranges::copy(values, buffer.data());
  }

  AlignedBuffer made(size_t count, uint64_t seed, float base = 0, float spread = 1) {
    AlignedBuffer buffer = ops_.allocate(count);
    std::vector<float> values = random_values(count, seed);
    for (float& value : values) value = base + spread * value;
    fill(buffer, values);
    return buffer;
  }

  AlignedBuffer poisoned(size_t count) {
    AlignedBuffer buffer = ops_.allocate(count);
    std::ranges::fill(buffer.span(), std::numeric_limits<float>::quiet_NaN());
    return buffer;
  }

  LayerMemory bind() {
    const LayerPlan& layer = case_.layer;
    LayerMemory memory;
    input_ = made(inputs_, 1);
    if (case_.quantised) {
      for (float& value : input_.span()) value = std::round(value);
    }
    output_ = poisoned(outputs_);
    memory.input = input_.data();
    memory.output = output_.data();
    if (case_.side) memory.side = (side_ = made(outputs_, 2)).data();
    if (case_.pass == Pass::training) {
      output_gradient_ = poisoned(outputs_);
      memory.output_gradient = output_gradient_.data();
      if (case_.input_gradient) {
        memory.input_gradient = (input_gradient_ = poisoned(inputs_)).data();
      }
    }
    if (layer.op == LayerOp::fork) bind_fork(memory);
    if (case_.weights > 0) bind_weights(memory);
    return memory;
  }

  // A fork's result is its input; backward adds the side's gradient to the input's.
  void bind_fork(LayerMemory& memory) {
    memory.output = input_.data();
    side_ = made(inputs_, 6);
    memory.side_gradient = side_.data();
    input_gradient_ = made(inputs_, 7);
    memory.input_gradient = memory.output_gradient = input_gradient_.data();
  }

  void bind_weights(LayerMemory& memory) {
    const LayerPlan& layer = case_.layer;
    memory.weights = (weights_ = made(case_.weights, 8, 0, 0.3F)).data();
    memory.weights_gradient = (weights_gradient_ = poisoned(case_.weights)).data();
    if (layer.bias) {
      memory.bias = (bias_ = made(channels_, 9)).data();
      memory.bias_gradient = (bias_gradient_ = poisoned(channels_)).data();
    }
    if (layer.norm) memory.norm_scale = (norm_ = made(2 * channels_, 10, 1, 0.3F)).data();
    if (!layer.norm && layer.op != LayerOp::batch_norm) return;
    memory.running_mean = (mean_ = made(channels_, 11)).data();
    variance_ = made(channels_, 12);
    for (float& value : variance_.span()) value = 0.5F + value * value;
    memory.running_variance = variance_.data();
  }

  Ops& ops_;
  LayerCase case_;
  size_t inputs_;
  size_t outputs_;
  size_t channels_;
  AlignedBuffer input_, side_, output_, input_gradient_, output_gradient_;
  AlignedBuffer weights_, weights_gradient_, bias_, bias_gradient_, norm_, mean_, variance_;
};

}  // namespace podium::nn::test
