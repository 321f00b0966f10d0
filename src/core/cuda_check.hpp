// Checks of CUDA's return codes: a throwing one for code, a logging one for destructors.
//
// Memory that does not suffice is the user's to mend (exit code 69), as are a GPU that is taken or
// broken; everything else is a defect of ours. An error that an earlier kernel left behind shows at
// the next call, whose name stands in the message.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <string>

#include "core/error.hpp"

namespace podium::cuda {

// Throws unless `status` is success. `what` says what was being done: "copying labels".
void check(cudaError_t status, const char* what);

// The launch of a kernel just before: throws when it was refused.
void check_launch(const char* kernel);

// Says through warn_in_destructor() that `what` failed, unless `status` is success, or the process
// is ending and the driver is gone already.
void warn(cudaError_t status, const char* what) noexcept;

// What is told when a GPU has no memory for `what`. `free_bytes` of `total_bytes` are left.
[[nodiscard]] Error out_of_memory(const std::string& what, size_t asked_bytes, size_t free_bytes,
                                  size_t total_bytes);

// The same with what the current device says is left.
[[nodiscard]] Error out_of_memory(const std::string& what, size_t asked_bytes);

// The error of a status, also one that is no failure of memory.
[[nodiscard]] Error error_of(cudaError_t status, const char* what);

}  // namespace podium::cuda
