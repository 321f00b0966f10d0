// Transfer: a snapshot from one rank to another, or to all, over a communicator.
//
// A header message (card, names and shapes as JSON) is followed by one message per buffer, sent
// from where it lies. Buffers of one transfer arrive in order.
#pragma once

#include "ckpt/snapshot.hpp"
#include "comm/communicator.hpp"

namespace podium::ckpt {

// Blocks until the receiver has taken everything. Throws internal_error past the group's limit.
void send_snapshot(comm::Communicator& group, const Snapshot& snapshot, int to, int tag);

// Receives the snapshot that `from` is sending. Throws internal_error for a malformed header.
Snapshot receive_snapshot(comm::Communicator& group, int from, int tag);

// Gives all ranks the snapshot of `root`. Collective.
void share_snapshot(comm::Communicator& group, Snapshot& snapshot, int root);

}  // namespace podium::ckpt
