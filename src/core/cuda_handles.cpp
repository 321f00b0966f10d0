#include "core/cuda_handles.hpp"

namespace podium::cuda {

void use_device(int ordinal) {
  check(cudaSetDevice(ordinal), "choosing the GPU");
  check(cudaFree(nullptr), "starting the GPU");
}

int current_device() {
  int ordinal = 0;
  check(cudaGetDevice(&ordinal), "asking for the current GPU");
  return ordinal;
}

Stream make_stream() {
  cudaStream_t stream = nullptr;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "making a stream");
  return Stream(stream);
}

Event make_event(bool timing) {
  cudaEvent_t event = nullptr;
  check(cudaEventCreateWithFlags(&event, timing ? cudaEventDefault : cudaEventDisableTiming),
        "making an event");
  return Event(event);
}

void record(const Event& event, cudaStream_t stream) {
  check(cudaEventRecord(event.get(), stream), "recording an event");
}

void wait(cudaStream_t stream, const Event& event) {
  check(cudaStreamWaitEvent(stream, event.get(), 0), "waiting for an event");
}

void synchronise(cudaStream_t stream) {
  check(cudaStreamSynchronize(stream), "waiting for the GPU");
}

void synchronise(const Event& event) {
  check(cudaEventSynchronize(event.get()), "waiting for the GPU");
}

cudaError_t state_of(cudaStream_t stream) {
  const cudaError_t state = cudaStreamQuery(stream);
  // Not ready is no failure, yet the next check of a launch might find it.
  if (state == cudaErrorNotReady) static_cast<void>(cudaGetLastError());
  return state;
}

float elapsed_ms(const Event& from, const Event& to) {
  float ms = 0;
  check(cudaEventElapsedTime(&ms, from.get(), to.get()), "timing");
  return ms;
}

GraphExec capture(cudaStream_t stream, const std::function<void()>& work) {
  // Calls of other threads that do not suit a capture are none of ours: thread-local mode.
  check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "beginning a capture");
  cudaGraph_t raw = nullptr;
  try {
    work();
  } catch (...) {
    // What failed is the error to tell; the capture it leaves behind is void.
    static_cast<void>(cudaStreamEndCapture(stream, &raw));
    const Graph broken(raw);
    static_cast<void>(cudaGetLastError());
    throw;
  }
  check(cudaStreamEndCapture(stream, &raw), "ending a capture");
  const Graph graph(raw);
  cudaGraphExec_t exec = nullptr;
  check(cudaGraphInstantiate(&exec, graph.get(), 0), "making a graph of a capture");
  return GraphExec(exec);
}

void launch(const GraphExec& graph, cudaStream_t stream) {
  check(cudaGraphLaunch(graph.get(), stream), "launching a graph");
}

}  // namespace podium::cuda
