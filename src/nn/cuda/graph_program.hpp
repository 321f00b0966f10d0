// GraphProgram: work that is run as it is the first time, when libraries load and choose, and from
// then on as one CUDA graph, whose launch costs what one kernel does.
#pragma once

#include <functional>

#include "core/cuda_handles.hpp"
#include "nn/cuda/context.hpp"
#include "nn/ops.hpp"

namespace podium::nn::cuda {

class GraphProgram final : public Program {
 public:
  // The context outlives the program.
  GraphProgram(const Context& context, std::function<void()> work)
      : context_(context), work_(std::move(work)) {}

  void run() override {
    context_.use();
    cudaStream_t stream = context_.stream.get();
    if (!has_run_) {
      work_();
      has_run_ = true;
      return;
    }
    if (!graph_) graph_ = podium::cuda::capture(stream, work_);
    podium::cuda::launch(graph_, stream);
  }

 private:
  const Context& context_;
  std::function<void()> work_;
  bool has_run_ = false;
  podium::cuda::GraphExec graph_;
};

}  // namespace podium::nn::cuda
