#include "comm/nccl.hpp"

#include <future>
#include <memory>
#include <thread>

#include "comm/barrier.hpp"
#include "comm/broadcast.hpp"
#include "comm/nccl.tick.hpp"
#include "comm/nccl_support.hpp"
#include "core/clock.hpp"
#include "core/cuda_check.hpp"
#include "core/cuda_handles.hpp"
#include "core/error.hpp"
#include "core/log.hpp"

namespace podium::comm {
namespace {

constexpr const char* advice =
    "NCCL_DEBUG=WARN tells more; --comm.allreduce=ring goes without NCCL";

// The machine's to mend: its drivers, its network, its limits. A peer's failure is told by the
// peer.
bool is_absent(ncclResult_t result) {
  return result == ncclUnhandledCudaError || result == ncclSystemError;
}

ncclUniqueId shared_id(Communicator& group) {
  constexpr int root = 0;
  ncclUniqueId id = {};
  if (group.rank() == root) check_nccl(ncclGetUniqueId(&id), "making an id for NCCL");
  broadcast(group, std::as_writable_bytes(std::span(&id, 1)), root);
  return id;
}

// Connects to the others; returns when all have come. Runs in a thread of its own.
ncclComm_t connect(int device, int ranks, const ncclUniqueId& id, int rank) {
  cuda::use_device(device);
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  // Its calls return once they are enqueued. In the other mode NCCL enqueues from threads of its
  // own, which a capture of the caller's would have to wait for.
  config.blocking = 1;
  ncclComm_t comm = nullptr;
  check_nccl(ncclCommInitRankConfig(&comm, ranks, id, rank, &config), "connecting GPUs");
  return comm;
}

// The sums of ranks with weights of their own are of an operator made for one call.
class WeightedSum {
 public:
  WeightedSum(float weight, ncclComm_t comm) : comm_(comm) {
    check_nccl(ncclRedOpCreatePreMulSum(&op_, &weight, ncclFloat32, ncclScalarHostImmediate, comm_),
               "making a weighted sum", comm_);
  }
  ~WeightedSum() { warn_nccl(ncclRedOpDestroy(op_, comm_), "closing a weighted sum"); }
  WeightedSum(const WeightedSum&) = delete;
  WeightedSum& operator=(const WeightedSum&) = delete;

  ncclRedOp_t get() const { return op_; }

 private:
  ncclComm_t comm_;
  ncclRedOp_t op_ = ncclSum;
};

}  // namespace

void check_nccl(ncclResult_t result, const std::string& what, ncclComm_t comm) {
  if (result == ncclSuccess) return;
  std::string text = std::string("NCCL: ") + ncclGetErrorString(result);
  const char* last = ncclGetLastError(comm);
  if (last != nullptr && *last != '\0') text += std::string("; ") + last;
  for (char& letter : text) {
    if (letter == '\n') letter = ' ';
  }
  if (is_absent(result)) throw unavailable_error(text, what, advice);
  throw internal_error(text, what, advice);
}

void warn_nccl(ncclResult_t result, const char* what) noexcept {
  if (result != ncclSuccess) warn_in_destructor(what, ncclGetErrorString(result));
}

void NcclTraits::close(Value comm) noexcept {
  warn_nccl(ncclCommAbort(comm), "closing an NCCL communicator");
}

NcclCommunicator::NcclCommunicator(Communicator& group, size_t largest)
    : group_(group),
      device_(cuda::current_device()),
      count_(1, "NCCL's counter"),
      shown_(1, "NCCL's counter") {
  const ncclUniqueId id = shared_id(group);
  // Until all ranks have come NCCL's own call does not return. One that never does is left to its
  // thread: the error ends the job.
  auto task = std::make_shared<std::packaged_task<ncclComm_t()>>(
      [device = device_, ranks = group.size(), id, rank = group.rank()] {
        return connect(device, ranks, id, rank);
      });
  std::future<ncclComm_t> made = task->get_future();
  std::thread([task] { (*task)(); }).detach();
  if (made.wait_for(group.policy().limit) != std::future_status::ready) {
    fail("connecting GPUs by NCCL", "not all ranks have come");
  }
  comm_.reset(made.get());

  const cuda::Stream stream = cuda::make_stream();
  cuda::DeviceBuffer<float> trial(largest, "NCCL's first sum");
  sum(trial.span(), stream.get());
  weighted_sum(trial.span(), 1.0F, stream.get());
  wait(stream.get(), "the first sums by NCCL");
}

void NcclCommunicator::sum(std::span<float> values, cudaStream_t stream) {
  enqueue(values, ncclSum, stream);
}

void NcclCommunicator::weighted_sum(std::span<float> values, float weight, cudaStream_t stream) {
  // Also of weight 1: ranks with other weights must meet the same operation here.
  const WeightedSum op(weight, comm_.get());
  enqueue(values, op.get(), stream);
}

void NcclCommunicator::enqueue(std::span<float> values, ncclRedOp_t op, cudaStream_t stream) {
  check_nccl(ncclAllReduce(values.data(), values.data(), values.size(), ncclFloat32, op,
                           comm_.get(), stream),
             "a sum by NCCL", comm_.get());
  enqueue_tick(count_.data(), shown_.data(), stream);
}

unsigned NcclCommunicator::ticks() const {
  // Written by the GPU at any time.
  return *static_cast<const volatile unsigned*>(shown_.data());
}

void NcclCommunicator::wait(cudaStream_t stream, const char* operation) {
  const auto limit = group_.policy().limit;
  unsigned seen = ticks();
  Deadline deadline(limit);
  Backoff backoff(Backoff::Kind::hot);
  for (;;) {
    const cudaError_t status = cuda::state_of(stream);
    if (status == cudaSuccess) return;
    if (status != cudaErrorNotReady) {
      abort();
      throw cuda::error_of(status, operation);
    }
    check_peers(operation);
    if (const unsigned now = ticks(); now != seen) {
      seen = now;
      deadline = Deadline(limit);
    }
    if (deadline.expired()) {
      fail(operation, "no sum has ended for " + std::to_string(limit.count() / 1000) + " s");
    }
    backoff.pause();
  }
}

void NcclCommunicator::check_peers(const char* operation) {
  ncclResult_t state = ncclSuccess;
  check_nccl(ncclCommGetAsyncError(comm_.get(), &state), "asking NCCL for errors", comm_.get());
  if (state == ncclSuccess || state == ncclInProgress) return;
  const char* last = ncclGetLastError(comm_.get());
  std::string reason = ncclGetErrorString(state);
  if (last != nullptr && *last != '\0') reason += std::string("; ") + last;
  fail(operation, reason);
}

void NcclCommunicator::fail(const char* operation, const std::string& reason) {
  abort();
  throw internal_error(who() + " waited in vain: " + reason, operation,
                       "see whether another rank died or stalled");
}

// Sums that wait for a peer end at once, so that memory can be freed. NCCL's call itself waits
// until the graphs that captured sums are gone, which their owner cannot destroy before he hears of
// it.
void NcclCommunicator::abort() {
  if (!comm_) return;
  std::thread([comm = comm_.release()] { NcclTraits::close(comm); }).detach();
}

std::string NcclCommunicator::who() const {
  return "rank " + std::to_string(group_.rank()) + " of group '" + group_.name() + "' on GPU " +
         std::to_string(device_) + " of host " + exchange_host();
}

}  // namespace podium::comm
