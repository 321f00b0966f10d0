// The names of spans in a trace: the words of docs/tracing.md and of the pictures. A span bears one
// of these and no other.
#pragma once

#include <array>

namespace podium::spans {

// ingest
inline constexpr const char* ingest_batch = "ingest batch";
// train
inline constexpr const char* data_wait = "data wait";
inline constexpr const char* forward = "forward";
inline constexpr const char* backward = "backward";
inline constexpr const char* bucket_allreduce = "bucket AllReduce";
// ckpt, and the replicas that take weights
inline constexpr const char* h2d = "H2D";
inline constexpr const char* broadcast_src = "broadcast (src)";
inline constexpr const char* broadcast_dst = "broadcast (dst)";
inline constexpr const char* reload_weights = "reload weights";
// learn
inline constexpr const char* rollout = "rollout";
inline constexpr const char* train = "train";
inline constexpr const char* sync_direct = "sync weight (direct)";
inline constexpr const char* sync_checkpoint = "sync weight (checkpoint)";
// serve
inline constexpr const char* request = "request";
inline constexpr const char* batch = "batch";
// anywhere: nothing else can be done until others have done theirs
inline constexpr const char* wait = "wait";

inline constexpr std::array<const char*, 16> all = {
    ingest_batch,     data_wait, forward,       backward,
    bucket_allreduce, h2d,       broadcast_src, broadcast_dst,
    reload_weights,   rollout,   train,         sync_direct,
    sync_checkpoint,  request,   batch,         wait};

}  // namespace podium::spans
