// The backend for a device: what core/device_choice.hpp chose, made. One of two implementations is
// built: cuda/backend.cpp, or cpu/backend.cpp for a build that computes on CPUs only.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/accelerator.hpp"
#include "core/device_choice.hpp"
#include "nn/numerics.hpp"
#include "nn/ops.hpp"

namespace podium::nn {

// `threads` is how many a CPU computes with. Throws unavailable_error when the GPU is not there.
std::unique_ptr<Ops> make_ops(const DeviceChoice& device, int threads, Numerics numerics = {});

// Whether the device multiplies matrices of bf16 faster than of fp32, and whether it can at all.
bool has_bf16_matrices(const DeviceChoice& device);
bool can_bf16(const DeviceChoice& device);

// What a GPU reaches at most, by its libraries.
struct DeviceLimits {
  double flops = 0;        // FLOP/s of a large product; a multiply-add counts as two
  double bytes_per_s = 0;  // of its memory, read and written by a large copy
};
// Of products in the numbers of training. Takes a second and a gigabyte. REQUIRES: on a GPU.
DeviceLimits device_limits(const DeviceChoice& device, Numerics numerics);

// The libraries of the GPU backend, as this build links them; empty without.
std::vector<LibraryVersion> backend_versions();

}  // namespace podium::nn
