// Staging: bytes of the host on their way to the device, through pinned memory: the copy runs while
// the host goes on, and the caller's memory is his again at once.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "core/cuda_buffer.hpp"
#include "core/cuda_handles.hpp"
#include "nn/cuda/context.hpp"

namespace podium::nn::cuda {

class Staging {
 public:
  // `what` the bytes are.
  explicit Staging(const std::string& what) : what_(what), device_(what) {}

  // Where the bytes will be on the device for what is enqueued on `stream` from now on, until the
  // next call. Waits for the copy of the call before, not for what reads it.
  const uint8_t* send(std::span<const uint8_t> bytes, cudaStream_t stream);

 private:
  std::string what_;
  podium::cuda::PinnedBuffer<uint8_t> pinned_;
  GrowingBuffer device_;
  podium::cuda::Event copied_;  // null before the first call
};

}  // namespace podium::nn::cuda
