// NcclCommunicator: sums of what lies on GPUs, between ranks that have a GPU each, by NCCL.
//
// It is made collectively over an existing Communicator, which carries NCCL's id. Making it
// connects the ranks and runs one sum of the largest size, so that later ones of it only enqueue.
// For other sizes NCCL may choose another algorithm, and connect and allocate for it at the first
// sum: that one is not to be captured into a graph.
//
// Nothing hangs silently. Making it has a limit. Each sum leaves a tick in memory that the host
// sees; wait() ends when ticks stay out for the group's limit, or when NCCL reports an error of a
// peer: it aborts what is under way and throws, naming rank, host, GPU and operation.
//
// The destructor frees without a word to the others. Before it, graphs that captured sums must be
// gone, and all ranks must have waited for their sums and met each other since, as they do in any
// collective of the group.
//
// Threads: one thread at a time, with the GPU current that was so when it was made.
#pragma once

#include <cuda_runtime_api.h>
#include <nccl.h>

#include <chrono>
#include <span>
#include <string>

#include "comm/communicator.hpp"
#include "core/cuda_buffer.hpp"
#include "core/handle.hpp"

namespace podium::comm {

// The throwing check of NCCL's return codes, with what NCCL last said. What the machine lacks is
// unavailable_error, the rest internal_error. `what` says what was being done.
void check_nccl(ncclResult_t result, const std::string& what, ncclComm_t comm = nullptr);
// The logging one, for destructors.
void warn_nccl(ncclResult_t result, const char* what) noexcept;

struct NcclTraits {
  using Value = ncclComm_t;
  static Value null() noexcept { return nullptr; }
  static void close(Value comm) noexcept;  // ncclCommAbort, which asks nobody
};
using NcclHandle = Handle<NcclTraits>;

class NcclCommunicator {
 public:
  // Collective over `group`, which must outlive the object. The current GPU is this rank's, and no
  // other rank's. `largest` is the number of floats in the largest sum that is to come. Throws
  // within the group's limit when a rank does not come.
  NcclCommunicator(Communicator& group, size_t largest);

  int rank() const { return group_.rank(); }
  int size() const { return group_.size(); }

  // Enqueues on `stream` what replaces `values`, in memory of the GPU, on every rank by their sum
  // over ranks, or by the sum of weight * values where each rank gives its weight: the same bits
  // everywhere. Also while `stream` is captured. All ranks enqueue the same calls in the same
  // order.
  void sum(std::span<float> values, cudaStream_t stream);
  void weighted_sum(std::span<float> values, float weight, cudaStream_t stream);

  // Waits until all work of `stream` is done. Throws as said above; the object is of no use then.
  void wait(cudaStream_t stream, const char* operation);

 private:
  void enqueue(std::span<float> values, ncclRedOp_t op, cudaStream_t stream);
  unsigned ticks() const;
  void check_peers(const char* operation);
  void abort();
  [[noreturn]] void fail(const char* operation, const std::string& reason);
  std::string who() const;

  Communicator& group_;
  int device_;
  NcclHandle comm_;
  cuda::DeviceBuffer<unsigned> count_;  // of sums that are done
  cuda::PinnedBuffer<unsigned> shown_;  // the same where the host sees it
};

}  // namespace podium::comm
