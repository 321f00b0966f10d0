#include "nn/cuda/staging.hpp"

#include <algorithm>

namespace podium::nn::cuda {

const uint8_t* Staging::send(std::span<const uint8_t> bytes, cudaStream_t stream) {
  if (copied_) {
    podium::cuda::synchronise(copied_);
  } else {
    copied_ = podium::cuda::make_event();
  }
  if (pinned_.size() < bytes.size()) pinned_ = {bytes.size(), what_ + " on their way to the GPU"};
  auto* on_device = static_cast<uint8_t*>(device_.reserve(bytes.size()));
  std::ranges::copy(bytes, pinned_.data());
  podium::cuda::copy(on_device, pinned_.data(), bytes.size(), stream);
  podium::cuda::record(copied_, stream);
  return on_device;
}

}  // namespace podium::nn::cuda
