// Plan: the way of a model through the engine, the same on every rank and worker.
//
// Each rank's shard is cut into buckets of equal size, the last at its true size; a tensor may lie
// in several. In a round every rank brings its next bucket, and then they are sent one after the
// other. The number of a bucket is its place in that order. Pure.
#pragma once

#include "ckpt/engine/metas.hpp"

namespace podium::ckpt::engine {

// Bytes of a bucket that lie together in the model, too.
struct Item {
  uint64_t place = 0;  // first byte in the model
  uint64_t bucket_offset = 0;
  uint64_t bytes = 0;
};

struct Bucket {
  int owner = 0;
  uint64_t shard_offset = 0;
  uint64_t bytes = 0;
  uint64_t hash = 0;  // XXH3
  size_t first_item = 0;
  size_t last_item = 0;  // one past
};

struct Plan {
  Layout layout;
  uint64_t bucket_bytes = 0;
  std::vector<Bucket> buckets;
  std::vector<Item> items;
  std::vector<size_t> rounds;  // the first bucket of each, and the number of buckets at the end

  size_t round_count() const { return rounds.size() - 1; }
  std::span<const Item> items_of(const Bucket& bucket) const {
    return std::span(items).subspan(bucket.first_item, bucket.last_item - bucket.first_item);
  }
};

// Throws what make_layout() throws, and data_error where hashes are missing.
// REQUIRES: bucket_bytes is a multiple of 256, and not 0.
Plan make_plan(std::span<const Metas> ranks, uint64_t bucket_bytes);

// How many buckets a shard makes.
constexpr uint64_t bucket_count(uint64_t shard_bytes, uint64_t bucket_bytes) {
  return (shard_bytes + bucket_bytes - 1) / bucket_bytes;
}

}  // namespace podium::ckpt::engine
