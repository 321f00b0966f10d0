// Executor: one lowered network at one batch size, as a list of kernels bound to memory.
//
// Made once per batch size; forward() and backward() allocate nothing. It holds views: the arena
// and the flat buffers must outlive it.
#pragma once

#include <memory>
#include <vector>

#include "nn/gradients_ready.hpp"
#include "nn/memory_plan.hpp"
#include "nn/network_plan.hpp"
#include "nn/ops.hpp"

namespace podium::nn {

// The flat buffers of a model, and the arena of one pass.
struct NetworkMemory {
  float* parameters = nullptr;
  float* gradients = nullptr;
  float* statistics = nullptr;
  float* arena = nullptr;
};

class Executor {
 public:
  Executor(Ops& ops, const NetworkPlan& network, const ActivationPlan& places,
           const NetworkMemory& memory, int batch, Pass pass);

  int batch() const { return batch_; }
  float* input() const { return input_; }    // [N,C,H,W]
  float* logits() const { return logits_; }  // [N,classes]
  float* logits_gradient() const { return logits_gradient_; }

  // Before the first forward pass of inference, and whenever parameters or statistics changed.
  void load_parameters();
  void forward(const StepKey& key);
  // Expects logits_gradient() to be filled. `ready`, unless empty, hears of gradients between the
  // kernels; what the backend leaves to Ops::end_backward() is not final before that.
  void backward(const StepKey& key, const GradientsReady& ready = {});

 private:
  struct BackwardStep {
    Kernel* kernel;     // a view into forward_
    size_t final_from;  // gradients behind it, once it has run
  };

  int batch_;
  float* input_;
  float* logits_;
  float* logits_gradient_;
  std::vector<std::unique_ptr<Kernel>> forward_;
  std::vector<BackwardStep> backward_;  // last layer first
};

}  // namespace podium::nn
