// Layers without weights: pools, ReLU, dropout, and the two ends of a residual.
#include "nn/cuda/elementwise.hpp"
#include "nn/cuda/kernels.hpp"
#include "nn/cuda/pool.hpp"

namespace podium::nn::cuda {
namespace {

// What they have in common.
class SimpleLayer : public Kernel {
 protected:
  explicit SimpleLayer(const KernelSpec& spec)
      : context_(spec.context),
        memory_(spec.memory),
        type_(spec.type()),
        count_(spec.output_count()) {}

  cudaStream_t stream() const { return context_.stream.get(); }

  Context& context_;
  LayerMemory memory_;
  NumberType type_;
  size_t count_;  // elements of the output
};

class Pool final : public SimpleLayer {
 public:
  explicit Pool(const KernelSpec& spec)
      : SimpleLayer(spec),
        shape_(spec.layer, spec.batch, spec.type()),
        is_max_(spec.layer.op == LayerOp::max_pool) {
    const bool remembers = is_max_ && spec.training();
    if (remembers) places_ = {shape_.outputs(), "places of " + spec.layer.name};
  }

  void forward(const StepKey&) override {
    if (is_max_) {
      max_pool(shape_, memory_.input, memory_.output, places_.data(), stream());
    } else {
      average_pool(shape_, memory_.input, memory_.output, stream());
    }
  }

  void backward(const StepKey&) override {
    if (is_max_) {
      max_pool_gradient(shape_, memory_.output_gradient, places_.data(), memory_.input_gradient,
                        stream());
    } else {
      average_pool_gradient(shape_, memory_.output_gradient, memory_.input_gradient, stream());
    }
  }

 private:
  PoolShape shape_;
  bool is_max_;
  podium::cuda::DeviceBuffer<int> places_;
};

class Relu final : public SimpleLayer {
 public:
  explicit Relu(const KernelSpec& spec) : SimpleLayer(spec) {}

  void forward(const StepKey&) override {
    relu(type_, memory_.input, memory_.output, count_, stream());
  }

  void backward(const StepKey&) override {
    masked_copy(type_, memory_.output, memory_.output_gradient, memory_.input_gradient, count_,
                stream());
  }
};

// Goes by the key that the context holds when the kernel runs, not by the one it is called with: a
// captured graph is given new ones.
class Dropout final : public SimpleLayer {
 public:
  explicit Dropout(const KernelSpec& spec)
      : SimpleLayer(spec),
        rate_(spec.training() ? spec.layer.rate : 0.0),
        layer_key_(spec.layer.key) {}

  void forward(const StepKey&) override { apply(memory_.input, memory_.output); }
  void backward(const StepKey&) override { apply(memory_.output_gradient, memory_.input_gradient); }

 private:
  void apply(const float* from, float* to) {
    if (rate_ > 0) {
      dropout(type_, from, to, count_, rate_, layer_key_, context_.key.data(), stream());
    } else {
      podium::cuda::copy(to, from, count_ * bytes_of(type_), stream());
    }
  }

  double rate_;
  uint64_t layer_key_;
};

// One value read by a residual's body and its shortcut: a view forward, a sum of gradients
// backward. The body's gradient and the input's share memory.
class Fork final : public SimpleLayer {
 public:
  explicit Fork(const KernelSpec& spec) : SimpleLayer(spec) {}

  void forward(const StepKey&) override {}

  void backward(const StepKey&) override {
    accumulate(type_, memory_.side_gradient, memory_.input_gradient, count_, stream());
  }
};

// max(body + shortcut, 0). The gradient of both inputs is the masked gradient of the sum; the
// shortcut's shares its memory, the body's may have its own.
class Sum final : public SimpleLayer {
 public:
  explicit Sum(const KernelSpec& spec) : SimpleLayer(spec) {}

  void forward(const StepKey&) override {
    add_relu(type_, memory_.input, memory_.side, memory_.output, count_, stream());
  }

  void backward(const StepKey&) override {
    masked_copy(type_, memory_.output, memory_.output_gradient, memory_.output_gradient, count_,
                stream());
    const bool own =
        memory_.input_gradient != nullptr && memory_.input_gradient != memory_.output_gradient;
    if (!own) return;
    podium::cuda::copy(memory_.input_gradient, memory_.output_gradient, count_ * bytes_of(type_),
                       stream());
  }
};

}  // namespace

std::unique_ptr<Kernel> make_pool(const KernelSpec& spec) {
  return std::make_unique<Pool>(spec);
}

std::unique_ptr<Kernel> make_relu(const KernelSpec& spec) {
  return std::make_unique<Relu>(spec);
}

std::unique_ptr<Kernel> make_dropout(const KernelSpec& spec) {
  return std::make_unique<Dropout>(spec);
}

std::unique_ptr<Kernel> make_fork(const KernelSpec& spec) {
  return std::make_unique<Fork>(spec);
}

std::unique_ptr<Kernel> make_sum(const KernelSpec& spec) {
  return std::make_unique<Sum>(spec);
}

}  // namespace podium::nn::cuda
