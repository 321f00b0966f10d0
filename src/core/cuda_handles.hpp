// Owners of CUDA's streams, events and graphs, and the calls on them that Podium makes.
//
// All belong to the device that is current when they are made. A stream is used by one thread at a
// time.
#pragma once

#include <cuda_runtime_api.h>

#include <functional>

#include "core/cuda_check.hpp"
#include "core/handle.hpp"

namespace podium::cuda {

// What CUDA destroys by one call.
template <typename Resource, cudaError_t (*Destroy)(Resource)>
struct ResourceTraits {
  using Value = Resource;
  static Value null() noexcept { return nullptr; }
  static void close(Value value) noexcept { warn(Destroy(value), "closing a resource of CUDA"); }
};

using Stream = Handle<ResourceTraits<cudaStream_t, cudaStreamDestroy>>;
using Event = Handle<ResourceTraits<cudaEvent_t, cudaEventDestroy>>;
using Graph = Handle<ResourceTraits<cudaGraph_t, cudaGraphDestroy>>;
using GraphExec = Handle<ResourceTraits<cudaGraphExec_t, cudaGraphExecDestroy>>;

// Makes `ordinal` the calling thread's device and starts its context. Throws unavailable_error when
// it is not there or taken.
void use_device(int ordinal);
// The calling thread's device.
int current_device();

// A stream that does not wait for the legacy default stream.
Stream make_stream();
// An event that orders streams; with `timing` it also tells times.
Event make_event(bool timing = false);

// `event` is reached when all work given to `stream` so far is done.
void record(const Event& event, cudaStream_t stream);
// Work given to `stream` from now on waits for `event`.
void wait(cudaStream_t stream, const Event& event);
// The calling thread waits for all work of `stream`. Errors of earlier kernels show here.
void synchronise(cudaStream_t stream);
void synchronise(const Event& event);
// cudaSuccess when all work of `stream` is done, cudaErrorNotReady when some is not, or what went
// wrong. Does not wait.
cudaError_t state_of(cudaStream_t stream);
// Milliseconds between two reached events made with timing.
float elapsed_ms(const Event& from, const Event& to);

// What `work` gives to `stream`, as a graph ready to be launched; nothing of it runs. `work` may
// draw other streams in by events, if they join again. When `work` throws, the capture ends and the
// exception passes.
GraphExec capture(cudaStream_t stream, const std::function<void()>& work);
void launch(const GraphExec& graph, cudaStream_t stream);

}  // namespace podium::cuda
