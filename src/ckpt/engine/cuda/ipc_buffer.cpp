#include "ckpt/engine/cuda/ipc_buffer.hpp"

#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>

#include "core/cuda_check.hpp"
#include "core/cuda_handles.hpp"
#include "core/error.hpp"

namespace podium::ckpt::engine {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* where = "checkpoint engine, IPC buffer on the GPU";

std::string to_hex(const void* data, size_t bytes) {
  std::string text;
  for (size_t i = 0; i < bytes; ++i) {
    char digits[3];
    std::snprintf(digits, sizeof digits, "%02x", static_cast<const unsigned char*>(data)[i]);
    text += digits;
  }
  return text;
}

// Throws data_error unless `text` is so many bytes.
void from_hex(const std::string& text, void* data, size_t bytes) {
  for (size_t i = 0; i < bytes && text.size() == 2 * bytes; ++i) {
    unsigned value = 0;
    if (std::sscanf(text.c_str() + 2 * i, "%2x", &value) != 1) break;
    static_cast<unsigned char*>(data)[i] = static_cast<unsigned char>(value);
    if (i + 1 == bytes) return;
  }
  throw data_error("this is no handle of CUDA's", where, "run the same version of Podium");
}

std::string uuid_of(int gpu) {
  cudaDeviceProp properties = {};
  cuda::check(cudaGetDeviceProperties(&properties, gpu), "asking for the GPU");
  return to_hex(&properties.uuid, sizeof properties.uuid);
}

// Of this process among all of the machine, whatever name spaces they have: CUDA does not let a
// process open what is its own.
std::string process_name() {
  char space[64] = {};
  static_cast<void>(::readlink("/proc/self/ns/pid", space, sizeof space - 1));
  return std::to_string(::getpid()) + " " + space;
}

void release_pinned(void* memory, size_t) noexcept {
  cuda::free_pinned(memory);
}
void release_device(void* memory, size_t) noexcept {
  cuda::free_device(memory);
}

}  // namespace

void select_device(int gpu) {
  cuda::check(cudaSetDevice(gpu), "choosing the GPU");
}

int device_named(const std::string& uuid) {
  int count = 0;
  cuda::check(cudaGetDeviceCount(&count), "asking for the GPUs");
  for (int gpu = 0; gpu < count; ++gpu) {
    if (uuid_of(gpu) == uuid) return gpu;
  }
  throw unavailable_error("this process does not see the GPU " + uuid, where,
                          "let CUDA_VISIBLE_DEVICES show it to every process of a pod");
}

Json export_memory(void* memory) {
  cudaIpcMemHandle_t handle = {};
  cuda::check(cudaIpcGetMemHandle(&handle, memory), "sharing GPU memory with other processes");
  return {{"uuid", uuid_of(cuda::current_device())},
          {"ipc", to_hex(&handle, sizeof handle)},
          {"process", process_name()},
          {"address", reinterpret_cast<uintptr_t>(memory)}};
}

OpenedMemory::OpenedMemory(const Json& json) : gpu_(device_named(json.value("uuid", ""))) {
  if (json.value("process", "") == process_name()) {
    memory_ = reinterpret_cast<void*>(json.at("address").get<uintptr_t>());
    return;
  }
  cudaIpcMemHandle_t handle = {};
  from_hex(json.value("ipc", ""), &handle, sizeof handle);
  cuda::use_device(gpu_);
  cuda::check(cudaIpcOpenMemHandle(&memory_, handle, cudaIpcMemLazyEnablePeerAccess),
              "opening GPU memory of another process");
  opened_.reset({memory_, gpu_});
}

void OpenedMemory::Traits::close(Value opened) noexcept {
  cuda::warn(cudaSetDevice(opened.gpu), "choosing the GPU");
  cuda::warn(cudaIpcCloseMemHandle(opened.memory), "closing GPU memory of another process");
}

Block to_block(cuda::PinnedBuffer<std::byte> memory) {
  const size_t bytes = memory.size();
  return Block::adopt(memory.release(), bytes, release_pinned);
}

Block to_block(cuda::DeviceBuffer<std::byte> memory) {
  const size_t bytes = memory.size();
  return Block::adopt(memory.release(), bytes, release_device);
}

}  // namespace podium::ckpt::engine
