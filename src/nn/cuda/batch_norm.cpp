// Batch normalisation with the residual sum, the ReLU or the max pool behind it, in one layer.
#include "nn/cuda/kernels.hpp"
#include "nn/cuda/norm.hpp"

namespace podium::nn::cuda {
namespace {

NormShape shape_of(const KernelSpec& spec) {
  NormShape shape;
  shape.images = spec.batch;
  shape.height = spec.layer.input.height;
  shape.width = spec.layer.input.width;
  shape.channels = spec.layer.input.channels;
  shape.window = spec.layer.pool;
  shape.relu = spec.layer.relu;
  shape.sum = spec.memory.side != nullptr;
  shape.type = spec.type();
  return shape;
}

class BatchNorm final : public Kernel {
 public:
  explicit BatchNorm(const KernelSpec& spec)
      : context_(spec.context),
        memory_(spec.memory),
        shape_(shape_of(spec)),
        parameters_{memory_.weights, memory_.running_mean, memory_.running_variance,
                    memory_.weights_gradient},
        training_(spec.training()),
        channels_(static_cast<size_t>(shape_.channels), spec.layer.name) {
    if (!training_) return;
    context_.workspace.reserve(norm_partial_bytes(shape_));
    if (!spec.layer.moments) return;
    const auto made = context_.norm_sums.extract(memory_.input);
    if (!made.empty()) given_ = made.mapped();
  }

  void load_parameters() override {
    if (training_) return;
    context_.use();
    norm_load(shape_, parameters_, channels_.data(), stream());
  }

  void forward(const StepKey&) override {
    if (training_) measure();
    norm_forward(shape_, channels_.data(), memory_.input, memory_.side, memory_.output, stream());
  }

  void backward(const StepKey&) override {
    norm_gradients(shape_, parameters_, memory_.input, memory_.output, memory_.output_gradient,
                   channels_.data(), context_.workspace.data(), stream());
    if (memory_.input_gradient == nullptr) return;
    norm_input_gradient(shape_, channels_.data(), memory_.input, memory_.output_gradient,
                        memory_.input_gradient, stream());
  }

 private:
  cudaStream_t stream() const { return context_.stream.get(); }

  void measure() {
    if (given_.sums != nullptr) {
      norm_measure(shape_, parameters_, given_, channels_.data(), stream());
    } else {
      norm_measure(shape_, parameters_, memory_.input, channels_.data(), context_.workspace.data(),
                   stream());
    }
  }

  Context& context_;
  LayerMemory memory_;
  NormShape shape_;
  NormParameters parameters_;
  bool training_;
  podium::cuda::DeviceBuffer<NormChannel> channels_;
  NormSums given_;  // by the convolution before; null: none
};

}  // namespace

std::unique_ptr<Kernel> make_batch_norm(const KernelSpec& spec) {
  return std::make_unique<BatchNorm>(spec);
}

}  // namespace podium::nn::cuda
