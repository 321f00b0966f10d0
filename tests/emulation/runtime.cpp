// CUDA's runtime: one GPU whose memory is the host's. Streams are in order by nature, as all work
// is done when it is given; so events and waits do nothing. A thread that captures may not
// allocate, copy at once, or wait for a stream, as on GPUs. Managed memory is handed out beyond
// what the GPU has.
#include <cuda_runtime_api.h>

#include <atomic>
#include <cstdio>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

struct EmulatedStream {};
struct EmulatedEvent {};
struct EmulatedGraph {
  std::vector<std::function<void()>> work;
};

namespace {

constexpr std::align_val_t alignment{256};

struct HostThread {
  cudaError_t last = cudaSuccess;
  size_t work = 0;
  std::unique_ptr<EmulatedGraph> captured;  // null when it does not capture

  bool captures() const { return captured != nullptr; }
};

HostThread& this_thread() {
  static thread_local HostThread thread;
  return thread;
}

cudaError_t unless_capturing() {
  return emulated::refuse(this_thread().captures() ? cudaErrorStreamCaptureUnsupported
                                                   : cudaSuccess);
}

cudaError_t only_device(int device) {
  return emulated::refuse(device == 0 ? cudaSuccess : cudaErrorInvalidDevice);
}

// What lies on the GPU, by address.
class Allocations {
 public:
  void add(void* memory, size_t bytes) {
    const std::lock_guard lock(mutex_);
    bytes_[memory] = bytes;
    used_ += bytes;
  }
  void remove(void* memory) {
    const std::lock_guard lock(mutex_);
    const auto found = bytes_.find(memory);
    if (found == bytes_.end()) return;
    used_ -= found->second;
    bytes_.erase(found);
  }
  bool has(void* memory) const {
    const std::lock_guard lock(mutex_);
    return bytes_.count(memory) != 0;
  }
  size_t free_bytes() const {
    const size_t all = emulated::machine().memory_bytes;
    return all - std::min<size_t>(all, used_);
  }

 private:
  mutable std::mutex mutex_;
  std::map<void*, size_t> bytes_;
  std::atomic<size_t> used_{0};
};

Allocations& on_gpu() {
  static Allocations allocations;
  return allocations;
}

// Filled with what is no number: memory is zero only when it is cleared.
cudaError_t allocate(void** memory, size_t bytes) {
  if (const cudaError_t status = unless_capturing(); status != cudaSuccess) return status;
  ++emulated::counts().allocations;
  *memory = ::operator new(bytes, alignment, std::nothrow);
  if (*memory == nullptr) return emulated::refuse(cudaErrorMemoryAllocation);
  std::memset(*memory, 0xff, bytes);
  return cudaSuccess;
}

cudaError_t allocate_on_gpu(void** memory, size_t bytes) {
  const cudaError_t status = allocate(memory, bytes);
  if (status == cudaSuccess) on_gpu().add(*memory, bytes);
  return status;
}

template <typename T>
cudaError_t make(T** made) {
  *made = new T;
  return cudaSuccess;
}

template <typename T>
cudaError_t destroy(T* made) {
  delete made;
  return cudaSuccess;
}

}  // namespace

namespace emulated {

Machine& machine() {
  static Machine machine;
  return machine;
}

Counts& counts() {
  static Counts counts;
  return counts;
}

cudaError_t refuse(cudaError_t status) {
  if (status != cudaSuccess) this_thread().last = status;
  return status;
}

size_t thread_work() {
  return this_thread().work;
}

void submit(std::function<void()> work) {
  ++this_thread().work;
  if (this_thread().captures()) {
    this_thread().captured->work.push_back(std::move(work));
  } else {
    work();
  }
}

}  // namespace emulated

const char* cudaGetErrorName(cudaError_t status) {
  switch (status) {
    case cudaSuccess:
      return "cudaSuccess";
    case cudaErrorInvalidValue:
      return "cudaErrorInvalidValue";
    case cudaErrorMemoryAllocation:
      return "cudaErrorMemoryAllocation";
    case cudaErrorInvalidConfiguration:
      return "cudaErrorInvalidConfiguration";
    case cudaErrorInvalidDevice:
      return "cudaErrorInvalidDevice";
    case cudaErrorStreamCaptureUnsupported:
      return "cudaErrorStreamCaptureUnsupported";
    default:
      return "cudaErrorOfAnotherKind";
  }
}

const char* cudaGetErrorString(cudaError_t) {
  return "refused by the emulated GPU";
}

cudaError_t cudaGetLastError() {
  return std::exchange(this_thread().last, cudaSuccess);
}

cudaError_t cudaDriverGetVersion(int* version) {
  *version = emulated::machine().driver;
  return cudaSuccess;
}

cudaError_t cudaGetDeviceCount(int* count) {
  *count = 0;
  if (emulated::machine().driver < CUDART_VERSION) {
    return emulated::refuse(cudaErrorInsufficientDriver);
  }
  *count = emulated::machine().gpus;
  return emulated::refuse(*count == 0 ? cudaErrorNoDevice : cudaSuccess);
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  std::snprintf(properties->name, sizeof properties->name, "emulated GPU");
  std::memcpy(properties->uuid.bytes, "an emulated GPU", 16);
  properties->totalGlobalMem = emulated::machine().memory_bytes;
  properties->major = emulated::machine().capability;
  properties->minor = 0;
  properties->managedMemory = emulated::machine().managed_memory ? 1 : 0;
  return only_device(device);
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr, int device) {
  *value = 1;
  return only_device(device);
}

cudaError_t cudaSetDevice(int device) {
  return only_device(device);
}

cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return cudaSuccess;
}

// A handle is the address, so it leads nowhere in another process.
cudaError_t cudaIpcGetMemHandle(cudaIpcMemHandle_t* handle, void* memory) {
  *handle = {};
  std::memcpy(handle->reserved, &memory, sizeof memory);
  return emulated::refuse(on_gpu().has(memory) ? cudaSuccess : cudaErrorInvalidValue);
}

cudaError_t cudaIpcOpenMemHandle(void** memory, cudaIpcMemHandle_t handle, unsigned) {
  std::memcpy(memory, handle.reserved, sizeof *memory);
  return emulated::refuse(on_gpu().has(*memory) ? cudaSuccess : cudaErrorInvalidValue);
}

cudaError_t cudaIpcCloseMemHandle(void* memory) {
  return emulated::refuse(on_gpu().has(memory) ? cudaSuccess : cudaErrorInvalidValue);
}

cudaError_t cudaMemGetInfo(size_t* free_bytes, size_t* total_bytes) {
  *free_bytes = on_gpu().free_bytes();
  *total_bytes = emulated::machine().memory_bytes;
  return cudaSuccess;
}

cudaError_t cudaMalloc(void** memory, size_t bytes) {
  if (bytes > on_gpu().free_bytes()) return emulated::refuse(cudaErrorMemoryAllocation);
  return allocate_on_gpu(memory, bytes);
}

cudaError_t cudaMallocHost(void** memory, size_t bytes) {
  return allocate(memory, bytes);
}

cudaError_t cudaMallocManaged(void** memory, size_t bytes, unsigned) {
  return allocate_on_gpu(memory, bytes);
}

cudaError_t cudaFree(void* memory) {
  on_gpu().remove(memory);
  ::operator delete(memory, alignment);
  return cudaSuccess;
}

cudaError_t cudaFreeHost(void* memory) {
  return cudaFree(memory);
}

cudaError_t cudaMemset(void* memory, int value, size_t bytes) {
  const cudaError_t status = unless_capturing();
  if (status == cudaSuccess) std::memset(memory, value, bytes);
  return status;
}

cudaError_t cudaMemsetAsync(void* memory, int value, size_t bytes, cudaStream_t) {
  emulated::submit([=] { std::memset(memory, value, bytes); });
  return cudaSuccess;
}

cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind) {
  const cudaError_t status = unless_capturing();
  if (status == cudaSuccess) std::memcpy(to, from, bytes);
  return status;
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind,
                            cudaStream_t) {
  emulated::submit([=] { std::memcpy(to, from, bytes); });
  return cudaSuccess;
}

cudaError_t cudaMemAdvise(const void*, size_t, cudaMemoryAdvise, cudaMemLocation location) {
  return only_device(location.id);
}

cudaError_t cudaMemPrefetchAsync(const void*, size_t, cudaMemLocation location, unsigned,
                                 cudaStream_t) {
  return only_device(location.id);
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  return make(stream);
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  return destroy(stream);
}

cudaError_t cudaStreamSynchronize(cudaStream_t) {
  return unless_capturing();
}

cudaError_t cudaStreamQuery(cudaStream_t) {
  return unless_capturing();
}

cudaError_t cudaStreamWaitEvent(cudaStream_t, cudaEvent_t, unsigned) {
  return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  return make(event);
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  return destroy(event);
}

cudaError_t cudaEventRecord(cudaEvent_t, cudaStream_t) {
  return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t) {
  return unless_capturing();
}

cudaError_t cudaEventElapsedTime(float* ms, cudaEvent_t, cudaEvent_t) {
  *ms = 0;
  return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t, cudaStreamCaptureMode) {
  const cudaError_t status = unless_capturing();
  if (status == cudaSuccess) this_thread().captured = std::make_unique<EmulatedGraph>();
  return status;
}

cudaError_t cudaStreamEndCapture(cudaStream_t, cudaGraph_t* graph) {
  *graph = this_thread().captured.release();
  return emulated::refuse(*graph == nullptr ? cudaErrorInvalidValue : cudaSuccess);
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long) {
  ++emulated::counts().graphs;
  *exec = new EmulatedGraph(*graph);
  return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  return destroy(graph);
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  return destroy(exec);
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t) {
  ++emulated::counts().launches;
  for (const std::function<void()>& work : exec->work) emulated::submit(work);
  return cudaSuccess;
}
