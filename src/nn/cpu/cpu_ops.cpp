#include "nn/cpu/cpu_ops.hpp"

#include <omp.h>

#include <algorithm>

#include "core/error.hpp"
#include "nn/cpu/edges.hpp"
#include "nn/cpu/kernels.hpp"

namespace podium::nn {
namespace {

bool cpu_has(dnnl::cpu_isa isa) {
  const auto wanted = static_cast<unsigned>(isa);
  return (static_cast<unsigned>(dnnl::get_effective_cpu_isa()) & wanted) == wanted;
}

class CpuProgram final : public Program {
 public:
  explicit CpuProgram(std::function<void()> work) : work_(std::move(work)) {}
  void run() override { work_(); }

 private:
  std::function<void()> work_;
};

class CpuOps final : public Ops {
 public:
  CpuOps(int threads, Numerics numerics) : threads_(threads), context_(numerics) { use_threads(); }

  std::string description() const override {
    const dnnl::version_t* version = dnnl::version();
    return "cpu (oneDNN " + std::to_string(version->major) + "." + std::to_string(version->minor) +
           "." + std::to_string(version->patch) + ", " + std::to_string(threads_) +
           (threads_ == 1 ? " thread)" : " threads)");
  }

  Fusions fusions() const override {
    return {.norm_pool = true,
            .norm_sum = true,
            .folded_norm = true,
            .sum = true,
            .channel_block = cpu_has(dnnl::cpu_isa::avx512_core) ? 16 : 0,
            .image_channels = {1, 3}};
  }

  // What layers hand on stays in the caches of the cores: 4 MiB a thread.
  size_t inference_floats() const override {
    return (size_t{1} << 20) * static_cast<size_t>(threads_);
  }

  AlignedBuffer allocate(size_t count) override { return AlignedBuffer(count); }
  bool on_host() const override { return true; }
  AlignedBuffer allocate_activations(size_t count) override { return AlignedBuffer(count); }

  std::unique_ptr<Kernel> make_kernel(const LayerPlan& layer, int batch, Pass pass,
                                      const LayerMemory& memory) override {
    use_threads();
    const cpu::KernelSpec spec{{context_, layer, batch, pass, memory}};
    switch (layer.op) {
      case LayerOp::convolution:
        return cpu::make_convolution(spec);
      case LayerOp::dense:
        return cpu::make_dense(spec);
      case LayerOp::batch_norm:
        return cpu::make_batch_norm(spec);
      case LayerOp::relu:
        return cpu::make_relu(spec);
      case LayerOp::max_pool:
      case LayerOp::average_pool:
        return cpu::make_pool(spec);
      case LayerOp::dropout:
        return cpu::make_dropout(spec);
      case LayerOp::fork:
        return cpu::make_fork(spec);
      case LayerOp::sum:
        return cpu::make_sum(spec);
    }
    throw internal_error("a layer without a CPU kernel", layer.name);
  }

  void begin_step(const StepKey&) override {}
  void end_backward() override {}

  void load_images(std::span<const uint8_t> images, const Preprocess& preprocess,
                   const InputPlace& place) override {
    use_threads();
    cpu::load_images(images, preprocess, place);
  }

  void cross_entropy(std::span<const float> logits, std::span<const uint8_t> labels,
                     float label_smoothing, float* gradient) override {
    loss_ = cpu::cross_entropy(logits, labels, label_smoothing, gradient);
  }

  LossResult loss() override { return loss_; }

  void copy(std::span<const float> from, float* to) override {
    std::copy(from.begin(), from.end(), to);
  }

  void softmax(std::span<float> logits, std::span<const float> others, int classes,
               std::span<float> probabilities, std::span<float> scores) override {
    for (size_t i = 0; i < others.size(); ++i) logits[i] = 0.5F * (logits[i] + others[i]);
    cpu::softmax(logits, classes, probabilities.data());
    std::copy_n(logits.begin(), scores.size(), scores.begin());
  }

  void sgd(std::span<const SgdRange> ranges, const SgdOptions& options, float learning_rate,
           const SgdMemory& memory) override {
    host::sgd(ranges, options, learning_rate, memory);
  }

  void approach(const float* weights, float* average, size_t count, float share) override {
    host::approach(weights, average, count, share);
  }

  std::unique_ptr<Program> record(std::function<void()> work) override {
    return std::make_unique<CpuProgram>(std::move(work));
  }

  void synchronise() override {}

 private:
  // OpenMP counts threads per calling thread. Every step starts here, whichever thread runs it and
  // whatever other backends it has run.
  void use_threads() const {
    if (omp_get_max_threads() != threads_) omp_set_num_threads(threads_);
  }

  int threads_;
  cpu::Context context_;
  LossResult loss_;
};

}  // namespace

std::unique_ptr<Ops> make_cpu_ops(int threads, Numerics numerics) {
  require(threads > 0, "threads must be positive", "make_cpu_ops");
  return std::make_unique<CpuOps>(threads, numerics);
}

bool cpu_has_bf16_matrices() {
  return cpu_has(dnnl::cpu_isa::avx512_core_amx);
}

bool cpu_can_bf16() {
  return cpu_has(dnnl::cpu_isa::avx512_core);
}

}  // namespace podium::nn
