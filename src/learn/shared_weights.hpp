// Weights in memory that a trainer shares with the explorers of its node: the direct road.
//
// One mapping of a nameless file, which goes with the last process that has it. It holds two places
// that are written in turn, so that who copies the newest is not disturbed while the next is
// written:
//
//   magic:u64 nonce:u64 floats:u64 newest:u64 { sequence:u64 number:u64 made_at:u64 values:f32[]
//   }[2]
//
// `newest` is the place to read. A place's `sequence` is odd while it is written: a reader that
// finds it odd or changed has copied a mixture and begins again. Explorers find the file through
// /proc, by process and descriptor; the nonce tells whether it is the one that is meant. Where that
// fails (another node, another user) weights come on the connection to the hub.
//
// Threads: one writes, any number reads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>

#include "learn/weights_road.hpp"

namespace podium::learn {

// Throws io_error.
std::unique_ptr<WeightsOut> share_weights(size_t floats);

// Null where the ticket's memory is not to be had.
std::unique_ptr<WeightsIn> find_shared_weights(const nlohmann::ordered_json& ticket, size_t floats);

}  // namespace podium::learn
