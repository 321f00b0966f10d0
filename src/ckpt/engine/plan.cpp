#include "ckpt/engine/plan.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "core/hash.hpp"

namespace podium::ckpt::engine {
namespace {

// What of `pieces` lies in a bucket, as items. `from` is a piece that ends behind the bucket's
// beginning, or one before it.
void add_items(std::span<const PlacedPiece> pieces, const Bucket& bucket, size_t* from,
               std::vector<Item>* items) {
  const uint64_t begin = bucket.shard_offset;
  const uint64_t end = begin + bucket.bytes;
  for (size_t i = *from; i < pieces.size() && pieces[i].shard_offset < end; ++i) {
    const PlacedPiece& piece = pieces[i];
    const uint64_t first = std::max(piece.shard_offset, begin);
    const uint64_t last = std::min(piece.shard_offset + piece.bytes, end);
    if (last > first) {
      items->push_back({piece.place + first - piece.shard_offset, first - begin, last - first});
    }
    *from = i;
  }
}

// Takes the next hashes of `metas`, whose first `used` have been taken.
void add_chunks(const Metas& metas, const Bucket& bucket, size_t* used,
                std::vector<Chunk>* chunks) {
  for (uint64_t offset = 0; offset < bucket.bytes; offset += chunk_bytes) {
    chunks->push_back(
        {offset, std::min(chunk_bytes, bucket.bytes - offset), metas.hashes[(*used)++]});
  }
}

void check_hashes(std::span<const Metas> ranks, const Layout& layout, uint64_t bucket_bytes) {
  for (size_t rank = 0; rank < ranks.size(); ++rank) {
    if (ranks[rank].hashes.size() == chunk_count(layout.shard_bytes[rank], bucket_bytes)) continue;
    throw data_error("there are " + std::to_string(ranks[rank].hashes.size()) +
                         " checksums for a shard of " + std::to_string(layout.shard_bytes[rank]) +
                         " bytes",
                     "rank " + std::to_string(rank), "use one size of buckets on all ranks");
  }
}

}  // namespace

Plan make_plan(std::span<const Metas> ranks, uint64_t bucket_bytes) {
  require(bucket_bytes > 0 && bucket_bytes % alignment_bytes == 0,
          "buckets are multiples of 256 bytes", "make_plan");
  Plan plan;
  plan.layout = make_layout(ranks);
  plan.bucket_bytes = bucket_bytes;
  check_hashes(ranks, plan.layout, bucket_bytes);
  std::vector<size_t> reached(ranks.size());
  std::vector<size_t> used(ranks.size());
  plan.rounds.push_back(0);
  for (uint64_t round = 0;; ++round) {
    for (size_t rank = 0; rank < ranks.size(); ++rank) {
      const uint64_t offset = round * bucket_bytes;
      if (offset >= plan.layout.shard_bytes[rank]) continue;
      Bucket bucket{static_cast<int>(rank),
                    offset,
                    std::min(bucket_bytes, plan.layout.shard_bytes[rank] - offset),
                    plan.items.size(),
                    0,
                    plan.chunks.size(),
                    0};
      add_items(plan.layout.pieces[rank], bucket, &reached[rank], &plan.items);
      bucket.last_item = plan.items.size();
      add_chunks(ranks[rank], bucket, &used[rank], &plan.chunks);
      bucket.last_chunk = plan.chunks.size();
      plan.buckets.push_back(bucket);
    }
    if (plan.buckets.size() == plan.rounds.back()) break;
    plan.rounds.push_back(plan.buckets.size());
  }
  return plan;
}

uint64_t identity(const Plan& plan) {
  Xxh3Stream stream;
  stream.update(std::as_bytes(std::span(&plan.layout.version, 1)));
  for (const Chunk& chunk : plan.chunks) {
    stream.update(std::as_bytes(std::span(&chunk.hash, 1)));
  }
  return stream.digest();
}

bool same_cut(const Plan& one, const Plan& other) {
  return one.bucket_bytes == other.bucket_bytes &&
         one.layout.model_bytes == other.layout.model_bytes &&
         one.layout.pieces == other.layout.pieces;
}

std::vector<char> changed_chunks(const Plan& plan, const Plan& before) {
  std::vector<char> changed(plan.chunks.size(), 1);
  if (!same_cut(plan, before)) return changed;
  for (size_t i = 0; i < changed.size(); ++i) {
    changed[i] = plan.chunks[i].hash == before.chunks[i].hash ? 0 : 1;
  }
  return changed;
}

}  // namespace podium::ckpt::engine
