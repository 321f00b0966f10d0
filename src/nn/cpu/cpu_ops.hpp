// The CPU backend: oneDNN primitives on NHWC activations, and vectorised loops beside them.
#pragma once

#include <memory>

#include "nn/ops.hpp"

namespace podium::nn {

// A backend that computes with `threads` OpenMP threads, from the calling thread. Sets OpenMP's
// thread count for the calling thread; with one thread no worker is ever started. Throws
// internal_error when oneDNN has no CPU engine. REQUIRES: threads > 0.
std::unique_ptr<Ops> make_cpu_ops(int threads);

}  // namespace podium::nn
