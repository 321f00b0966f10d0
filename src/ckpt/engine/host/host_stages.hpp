// The stages in main memory: the IPC buffer is the pod's segment.
#pragma once

#include "ckpt/engine/intake.hpp"
#include "ckpt/engine/stages.hpp"

namespace podium::ckpt::engine {

// `copies`: H2D and broadcast copy the bucket, as they must on a GPU; otherwise workers of the pod
// read the shard where it is, as every core can. Throws unavailable_error for lack of memory.
std::unique_ptr<Stages> make_host_stages(const Segment& segment, const Buffers& buffers,
                                         bool copies);

// A worker's side: buckets are read in `shards`, or else in the segment.
std::unique_ptr<Intake> make_host_intake(const Segment& segment, SharedShards shards);

}  // namespace podium::ckpt::engine
