// Dense layers by cuBLASLt: weights are [out,in], over NHWC-flattened inputs, as on the CPU.
//
//   output [N,out]          = input [N,in] * weights^T
//   input gradient [N,in]   = output gradient [N,out] * weights
//   weights gradient        = output gradient^T * input [N,in]
#include "nn/cuda/matmul.hpp"
#include "nn/cuda/weighted_layer.hpp"

namespace podium::nn::cuda {
namespace {

FilterShape filter_of(const LayerPlan& layer) {
  return {layer.output.channels, static_cast<int>(layer.input.size()), 1, 1};
}

class Dense final : public WeightedLayer {
 public:
  explicit Dense(const KernelSpec& spec) : WeightedLayer(spec, filter_of(spec.layer)) {
    const int64_t images = spec.batch;
    const int64_t inputs = spec.layer.input.size();
    const int64_t outputs = spec.layer.output.channels;
    const std::string& name = spec.layer.name;
    MatmulShape forward{images, outputs, inputs, false, true, type(), type(), nullptr, false};
    if (finishes()) {
      forward.bias = bias();
      forward.relu = relu();
    }
    forward_ = Matmul(spec.context, forward, name + " (forward)");
    if (!spec.training()) return;
    if (spec.memory.input_gradient != nullptr) {
      data_ = Matmul(spec.context,
                     {images, inputs, outputs, false, false, type(), type(), nullptr, false},
                     name + " (backward data)");
    }
    weights_ =
        Matmul(spec.context, {outputs, inputs, images, true, false, type(), type(), nullptr, false},
               name + " (backward weights)");
  }

 private:
  // cuBLASLt's epilogue adds a bias of the result's type.
  bool finishes() const override { return type() == NumberType::fp32 && bias() != nullptr; }

  void multiply() override { forward_.run(context(), memory().input, weights(), memory().output); }

  void multiply_backward_data() override {
    data_.run(context(), memory().output_gradient, weights(), memory().input_gradient);
  }

  void multiply_backward_weights() override {
    weights_.run(context(), memory().output_gradient, memory().input, weights_gradient());
  }

  Matmul forward_;
  Matmul data_;
  Matmul weights_;
};

}  // namespace

std::unique_ptr<Kernel> make_dense(const KernelSpec& spec) {
  return std::make_unique<Dense>(spec);
}

}  // namespace podium::nn::cuda
