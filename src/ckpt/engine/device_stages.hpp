// The stages on a GPU, without a type of CUDA's. One of two implementations is built: that in
// cuda/, or no_device_stages.cpp for a build that computes on CPUs only, whose functions throw
// unavailable_error.
//
// Each rank of a pod has an IPC buffer on its own GPU, which workers open by handle; the segment
// carries no weights then, only what is said about them: its slots are `note_bytes` large, and hold
// the number in its pod of the rank that has the bucket.
#pragma once

#include <functional>

#include "ckpt/engine/intake.hpp"
#include "ckpt/engine/stages.hpp"

namespace podium::ckpt::engine {

inline constexpr size_t note_bytes = 256;

// `place`: the number of this rank in its pod. Shards are pinned memory; `gpu` has the H2D and IPC
// buffers.
std::unique_ptr<Stages> make_device_stages(const Segment& segment, const Buffers& buffers, int gpu,
                                           uint64_t place);

// See make_intake().
std::unique_ptr<Intake> make_device_intake(const Segment& segment,
                                           const nlohmann::ordered_json& handles,
                                           size_t bucket_bytes, const size_t* keeper);

// For measuring: a call copies `bytes` of pinned memory to the GPU, and returns when they are
// there.
std::function<void()> pinned_copy(int gpu, size_t bytes);

}  // namespace podium::ckpt::engine
