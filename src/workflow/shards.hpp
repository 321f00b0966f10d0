// Shards: the part of a finished model that each ckpt rank holds for the checkpoint engine.
//
// The rank that stores a model gets all of it, since the registry's file is written by one; every
// other one gets its slice for the engine, each trainer giving its share at the same time. A shard
// waits until its model is published, or dropped.
//
//   header: {"model": NAME, "senders": [...], "pieces": [[name, shape, first, bytes], ...]}
//   then each sender's share of every piece, as it lies; an empty one is not sent
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "ckpt/engine/metas.hpp"
#include "ckpt/snapshot.hpp"
#include "comm/communicator.hpp"

namespace podium::workflow {

struct ModelShard {
  std::string model;
  std::vector<ckpt::engine::Piece> pieces;
  std::vector<std::vector<std::byte>> bytes;  // of each piece
};

// Where the bytes of a piece lie. REQUIRES: its tensor is in `snapshot`.
std::span<const std::byte> bytes_of(const ckpt::Snapshot& snapshot,
                                    const ckpt::engine::Piece& piece);

// Starts to send the caller's share of every shard but that of `owner`, and then runs `meanwhile`;
// returns once all is taken. `senders` and `holders` are ranks of `group`, the caller among the
// senders; `snapshot` is the same on all of them. Throws internal_error past the group's limit.
void send_shards(comm::Communicator& group, const ckpt::Snapshot& snapshot,
                 const std::string& model, const std::vector<int>& senders,
                 const std::vector<int>& holders, int owner,
                 const std::function<void()>& meanwhile);

// Receives the shard of which `from` has sent the header. Throws internal_error for a malformed
// one.
ModelShard receive_shard(comm::Communicator& group, int from);

}  // namespace podium::workflow
