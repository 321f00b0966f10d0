// Tags of the messages between roles that do not travel on the control plane.
#pragma once

#include "ckpt/transfer.hpp"

namespace podium::workflow::messages {

// A snapshot, from the trainers of a group to a ckpt rank.
inline constexpr ckpt::SnapshotTags weights_tags{200, 202};
inline constexpr int predictions_tag = 201;  // classified records, to the rank that writes them
// A shard of a model, from the trainers of a group to a ckpt rank.
inline constexpr ckpt::SnapshotTags shard_tags{203, 204};
// Between trainers and ckpt ranks about training states (engine_memory.hpp).
inline constexpr ckpt::SnapshotTags request_tags{205, 206};
inline constexpr ckpt::SnapshotTags answer_tags{207, 208};

}  // namespace podium::workflow::messages
