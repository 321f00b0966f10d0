// Plan: the way of a model through the engine, the same on every rank and worker.
//
// Each rank's shard is cut into buckets of equal size, the last at its true size; a tensor may lie
// in several. In a round every rank brings its next bucket, and then they are sent one after the
// other. The number of a bucket is its place in that order. A bucket is checked, and compared with
// that of another version, by chunks. Pure.
#pragma once

#include "ckpt/engine/metas.hpp"

namespace podium::ckpt::engine {

// Bytes of a bucket that lie together in the model, too.
struct Item {
  uint64_t place = 0;  // first byte in the model
  uint64_t bucket_offset = 0;
  uint64_t bytes = 0;
};

// What has a checksum of its own: as much as the caches of a core hold while it is copied.
struct Chunk {
  uint64_t bucket_offset = 0;
  uint64_t bytes = 0;
  uint64_t hash = 0;  // XXH3
};
inline constexpr uint64_t chunk_bytes = uint64_t{256} << 10;  // but for the last of a bucket

struct Bucket {
  int owner = 0;
  uint64_t shard_offset = 0;
  uint64_t bytes = 0;
  size_t first_item = 0;
  size_t last_item = 0;  // one past
  size_t first_chunk = 0;
  size_t last_chunk = 0;  // one past
};

struct Plan {
  Layout layout;
  uint64_t bucket_bytes = 0;
  std::vector<Bucket> buckets;
  std::vector<Item> items;
  std::vector<Chunk> chunks;
  std::vector<size_t> rounds;  // the first bucket of each, and the number of buckets at the end

  size_t round_count() const { return rounds.size() - 1; }
  std::span<const Item> items_of(const Bucket& bucket) const {
    return std::span(items).subspan(bucket.first_item, bucket.last_item - bucket.first_item);
  }
  std::span<const Chunk> chunks_of(const Bucket& bucket) const {
    return std::span(chunks).subspan(bucket.first_chunk, bucket.last_chunk - bucket.first_chunk);
  }
};

// Throws what make_layout() throws, and data_error where hashes are missing.
// REQUIRES: bucket_bytes is a multiple of 256, and not 0.
Plan make_plan(std::span<const Metas> ranks, uint64_t bucket_bytes);

// How many buckets a shard makes.
constexpr uint64_t bucket_count(uint64_t shard_bytes, uint64_t bucket_bytes) {
  return (shard_bytes + bucket_bytes - 1) / bucket_bytes;
}

// And how many chunks.
constexpr uint64_t chunk_count(uint64_t shard_bytes, uint64_t bucket_bytes) {
  const auto chunks = [](uint64_t bytes) { return (bytes + chunk_bytes - 1) / chunk_bytes; };
  return shard_bytes / bucket_bytes * chunks(bucket_bytes) + chunks(shard_bytes % bucket_bytes);
}

// Of what weights a plan is: version and all checksums in one.
uint64_t identity(const Plan& plan);

// Whether both cut the same tensors in the same way, so that chunk i of one is chunk i of the other
// at another time.
bool same_cut(const Plan& one, const Plan& other);
// Which chunks of `plan` have other bytes than in `before`, by their checksums: 1 or 0 for each;
// all where the two are not cut alike.
std::vector<char> changed_chunks(const Plan& plan, const Plan& before);

}  // namespace podium::ckpt::engine
