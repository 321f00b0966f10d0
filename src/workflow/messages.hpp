// Tags of the messages between roles that do not travel on the control plane.
#pragma once

#include "ckpt/transfer.hpp"

namespace podium::workflow::messages {

// A snapshot, from the trainers of a group to a ckpt rank.
inline constexpr ckpt::SnapshotTags weights_tags{200, 202};
inline constexpr int predictions_tag = 201;  // classified records, to the rank that writes them
// A shard of a model, from the trainers of a group to a ckpt rank.
inline constexpr ckpt::SnapshotTags shard_tags{203, 204};

}  // namespace podium::workflow::messages
