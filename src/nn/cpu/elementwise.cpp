// Layers without weights that work element by element: relu, dropout, and the two ends of a
// residual.
#include <cstring>

#include "core/random.hpp"
#include "nn/cpu/kernels.hpp"
#include "nn/cpu/loops.hpp"

namespace podium::nn::cpu {
namespace {

class Relu final : public Kernel {
 public:
  explicit Relu(const KernelSpec& spec) : memory_(spec.memory), count_(spec.output_count()) {}

  void forward(const StepKey&) override { relu(memory_.input, memory_.output, count_); }

  void backward(const StepKey&) override {
    masked_copy(memory_.output, memory_.output_gradient, memory_.input_gradient, count_);
  }

 private:
  LayerMemory memory_;
  size_t count_;
};

class Dropout final : public Kernel {
 public:
  explicit Dropout(const KernelSpec& spec)
      : memory_(spec.memory),
        count_(spec.output_count()),
        rate_(spec.pass == Pass::training ? spec.layer.rate : 0.0),
        layer_key_(spec.layer.key) {}

  void forward(const StepKey& key) override { apply(memory_.input, memory_.output, key); }

  void backward(const StepKey& key) override {
    apply(memory_.output_gradient, memory_.input_gradient, key);
  }

 private:
  void apply(const float* from, float* to, const StepKey& key) const {
    if (rate_ > 0) {
      dropout(from, to, count_, rate_, Random(key.seed, key.step, layer_key_).next());
    } else {
      std::memcpy(to, from, count_ * sizeof(float));
    }
  }

  LayerMemory memory_;
  size_t count_;
  double rate_;
  uint64_t layer_key_;
};

// One value read by a residual's body and its shortcut: a view forward, a sum of gradients
// backward. The body's gradient and the input's share memory.
class Fork final : public Kernel {
 public:
  explicit Fork(const KernelSpec& spec) : memory_(spec.memory), count_(spec.input_count()) {}

  void forward(const StepKey&) override {}

  void backward(const StepKey&) override {
    accumulate(memory_.side_gradient, memory_.input_gradient, count_);
  }

 private:
  LayerMemory memory_;
  size_t count_;
};

// max(body + shortcut, 0). The gradient of both inputs is the masked gradient of the sum; the
// shortcut's shares its memory, the body's may have its own.
class Sum final : public Kernel {
 public:
  explicit Sum(const KernelSpec& spec) : memory_(spec.memory), count_(spec.output_count()) {}

  void forward(const StepKey&) override {
    add_relu(memory_.input, memory_.side, memory_.output, count_);
  }

  void backward(const StepKey&) override {
    mask_by_output(memory_.output, memory_.output_gradient, count_);
    const bool own =
        memory_.input_gradient != nullptr && memory_.input_gradient != memory_.output_gradient;
    if (own) std::memcpy(memory_.input_gradient, memory_.output_gradient, count_ * sizeof(float));
  }

 private:
  LayerMemory memory_;
  size_t count_;
};

}  // namespace

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

}  // namespace podium::nn::cpu
