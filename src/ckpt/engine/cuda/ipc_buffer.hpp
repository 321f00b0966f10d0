// IPC buffers on a GPU: memory of one process that others open by a handle, and the names by which
// processes find each other's GPUs.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "ckpt/engine/block.hpp"
#include "core/cuda_buffer.hpp"
#include "core/handle.hpp"

namespace podium::ckpt::engine {

// Makes `gpu` the calling thread's, whose context is there already.
void select_device(int gpu);
// The number that this process gives the GPU of this name. Throws unavailable_error when it sees
// none.
int device_named(const std::string& uuid);

// CUDA hands others all of the block that an allocation is cut from: one of whole blocks has its
// own.
inline constexpr size_t block_bytes = size_t{2} << 20;

// What others open: {"uuid", "ipc"} and what its opener must know of the process. `memory` is the
// beginning of an allocation of the current device, a multiple of block_bytes large.
nlohmann::ordered_json export_memory(void* memory);

// What another process exported; closed in time: before the other frees it.
class OpenedMemory {
 public:
  OpenedMemory() = default;
  // Throws data_error for what is no handle, unavailable_error where it cannot be opened.
  explicit OpenedMemory(const nlohmann::ordered_json& handle);

  std::byte* bytes() const { return static_cast<std::byte*>(memory_); }
  int gpu() const { return gpu_; }

 private:
  struct Traits {
    struct Value {
      void* memory = nullptr;
      int gpu = 0;
      bool operator==(const Value&) const = default;
    };
    static Value null() noexcept { return {}; }
    static void close(Value opened) noexcept;
  };

  int gpu_ = 0;
  void* memory_ = nullptr;
  Handle<Traits> opened_;  // null where the memory is of this process
};

// As blocks, which free themselves.
Block to_block(cuda::PinnedBuffer<std::byte> memory);
Block to_block(cuda::DeviceBuffer<std::byte> memory);

}  // namespace podium::ckpt::engine
