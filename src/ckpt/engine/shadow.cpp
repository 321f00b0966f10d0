#include "ckpt/engine/shadow.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace podium::ckpt::engine {

Shadow::Shadow(const Plan& plan, size_t part, size_t parts) : plan_(plan) {
  place(part, parts);
  memory_ = Block(last_ - first_, "the memory of shadow weights");
}

Shadow::Shadow(const Plan& plan, size_t part, size_t parts, const Intake& intake, Spare spare)
    : plan_(plan), memory_(std::move(spare.memory)) {
  place(part, parts);
  if (spare.plan) lacks_ = changed_chunks(plan, *spare.plan);
  if (memory_.size() >= last_ - first_) return;
  lacks_.clear();
  memory_ = {};
  memory_ = intake.shadow_memory(last_ - first_);
}

void Shadow::place(size_t part, size_t parts) {
  const uint64_t lines = plan_.layout.model_bytes / alignment_bytes;
  first_ = lines * part / parts * alignment_bytes;
  last_ = lines * (part + 1) / parts * alignment_bytes;
}

void Shadow::base_on(const Weights& serving, const Plan& plan_of_serving) {
  if (!same_cut(plan_, plan_of_serving)) return;
  changed_ = changed_chunks(plan_, plan_of_serving);
  serving_ = &serving;
}

bool Shadow::wants(const Bucket& bucket) {
  collect(bucket, false);
  return !wanted_.parts.empty();
}

bool Shadow::take(const Bucket& bucket, std::span<const std::byte> bytes) {
  collect(bucket, false);
  take_from(bytes, wanted_, stream_);
  return check(bucket);
}

bool Shadow::take(const Bucket& bucket, Intake& intake, uint64_t seq, bool partial) {
  if (partial && serving_ == nullptr) {
    why_ = "only what changed was sent, and the version before is not here";
    return false;
  }
  collect(bucket, partial);
  if (!wanted_.parts.empty()) intake.take(seq, bucket, wanted_);
  return check(bucket);
}

void Shadow::collect(const Bucket& bucket, bool partial) {
  wanted_.moves.clear();
  wanted_.parts.clear();
  for (size_t i = bucket.first_chunk; i < bucket.last_chunk; ++i) {
    if (!lacks_.empty() && lacks_[i] == 0) continue;
    const bool stays = partial && changed_[i] == 0;
    collect(bucket, plan_.chunks[i], stays ? serving_->memory.bytes() : nullptr);
  }
}

// What belongs here of a chunk; where `serving` has it, it is copied from there at once.
void Shadow::collect(const Bucket& bucket, const Chunk& chunk, const std::byte* serving) {
  const uint64_t chunk_end = chunk.bucket_offset + chunk.bytes;
  Wanted::Part part{&chunk, wanted_.moves.size(), 0, 0};
  for (const Item& item : plan_.items_of(bucket)) {
    const uint64_t from = std::max(item.bucket_offset, chunk.bucket_offset);
    const uint64_t to = std::min(item.bucket_offset + item.bytes, chunk_end);
    if (from >= to) continue;
    const uint64_t begin = std::max(item.place + (from - item.bucket_offset), first_);
    const uint64_t end = std::min(item.place + (to - item.bucket_offset), last_);
    if (begin >= end) continue;
    std::byte* const target = memory_.bytes() + (begin - first_);
    if (serving != nullptr) {
      std::memcpy(target, serving + (begin - first_), end - begin);
    } else {
      wanted_.moves.push_back({target, item.bucket_offset + (begin - item.place), end - begin});
    }
  }
  part.last_move = wanted_.moves.size();
  if (part.last_move > part.first_move) wanted_.parts.push_back(part);
}

bool Shadow::check(const Bucket& bucket) {
  for (const Wanted::Part& part : wanted_.parts) {
    for (const Wanted::Move& move : wanted_.moves_of(part)) taken_bytes_ += move.bytes;
    if (part.hash == part.chunk->hash) continue;
    why_ = std::to_string(part.chunk->bytes) + " bytes from rank " + std::to_string(bucket.owner) +
           ", at byte " + std::to_string(bucket.shard_offset + part.chunk->bucket_offset) +
           " of its shard, have the wrong checksum";
    return false;
  }
  return true;
}

Weights Shadow::finish() {
  return {plan_.layout, first_, last_ - first_, std::move(memory_)};
}

}  // namespace podium::ckpt::engine
