// The CPU backend: oneDNN primitives on NHWC activations, and vectorised loops beside them.
#pragma once

#include <memory>

#include "nn/ops.hpp"
#include "nn/rounding.hpp"

namespace podium::nn {

// A backend that computes with `threads` OpenMP threads. It sets OpenMP's thread count of the
// thread that calls it; with one thread no worker is ever started. With more threads than free
// cores, start the process with OMP_WAIT_POLICY=passive, or waiting workers spin. Throws
// internal_error when oneDNN has no CPU engine. REQUIRES: threads > 0.
std::unique_ptr<Ops> make_cpu_ops(int threads, Rounding rounding = Rounding::fast);

}  // namespace podium::nn
