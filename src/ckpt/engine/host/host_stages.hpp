// The stages in main memory: the IPC buffer is the pod's segment.
#pragma once

#include "ckpt/engine/intake.hpp"
#include "ckpt/engine/stages.hpp"

namespace podium::ckpt::engine {

// `copies`: H2D copies the bucket, as it must on a GPU; otherwise the shard itself serves as H2D
// buffer, since every core reads it where it is. Throws unavailable_error for lack of memory.
std::unique_ptr<Stages> make_host_stages(const Segment& segment, const Buffers& buffers,
                                         bool copies);

// A worker's side: buckets lie in the segment, where they are read.
std::unique_ptr<Intake> make_host_intake(const Segment& segment);

}  // namespace podium::ckpt::engine
