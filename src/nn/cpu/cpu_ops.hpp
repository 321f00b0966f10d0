// The CPU backend: oneDNN primitives on NHWC activations, and vectorised loops beside them.
#pragma once

#include <memory>

#include "nn/numerics.hpp"
#include "nn/ops.hpp"

namespace podium::nn {

// A backend that computes with `threads` OpenMP threads. It sets OpenMP's thread count of the
// thread that calls it; with one thread no worker is ever started. With more threads than free
// cores, start the process with OMP_WAIT_POLICY=passive, or waiting workers spin. Throws
// internal_error when oneDNN has no CPU engine. REQUIRES: threads > 0.
std::unique_ptr<Ops> make_cpu_ops(int threads, Numerics numerics = {});

// Whether the cores multiply matrices of bf16 (AMX). Without, training in bf16 works where there is
// AVX-512.
bool cpu_has_bf16_matrices();
bool cpu_can_bf16();

}  // namespace podium::nn
