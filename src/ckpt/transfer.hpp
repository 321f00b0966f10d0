// Transfer: a snapshot from the ranks that have it to another one, or from one to all, over a
// communicator.
//
// The first of the senders sends a header (card, names and shapes as JSON). Every sender sends its
// slice of every buffer, from where it lies and at the same time as the others. A slice that is
// empty is not sent.
#pragma once

#include "ckpt/snapshot.hpp"
#include "comm/communicator.hpp"

namespace podium::ckpt {

// Headers and slices have tags of their own: a slice may come before the header.
struct SnapshotTags {
  int header = 0;
  int slice = 0;
};

// Sends what the calling rank is to give of `snapshot`, which is the same on all `senders` (ranks
// of `group`, the caller among them). Blocks until the receiver has taken it. Throws internal_error
// past the group's limit.
void send_slice(comm::Communicator& group, const Snapshot& snapshot,
                const std::vector<int>& senders, int to, const SnapshotTags& tags);
void send_slice(comm::Communicator& group, const nlohmann::ordered_json& card,
                std::span<const NamedBuffer> buffers, const std::vector<int>& senders, int to,
                const SnapshotTags& tags);

// Receives the snapshot of which `from` has sent the header. Throws internal_error for a malformed
// one.
Snapshot receive_snapshot(comm::Communicator& group, int from, const SnapshotTags& tags);

// Gives all ranks the snapshot of `root`. Collective.
void share_snapshot(comm::Communicator& group, Snapshot& snapshot, int root);

}  // namespace podium::ckpt
