// HostShard: what a checkpoint rank holds of one version, in the host's memory.
//
// Its pieces are filled by whoever has the weights, several at once if they like; seal() takes the
// checksums, and from then on it does not change and is shared by all who send it.
#pragma once

#include <memory>

#include "ckpt/engine/block.hpp"
#include "ckpt/engine/plan.hpp"

namespace podium::ckpt::engine {

class HostShard {
 public:
  // In `memory` where that is large enough. Throws unavailable_error.
  HostShard(uint64_t version, std::string card, std::vector<Piece> pieces, uint64_t bucket_bytes,
            Block memory = {});

  // The bytes of piece `index`, to be filled.
  std::span<std::byte> piece(size_t index);
  void seal();

  const Metas& metas() const { return metas_; }
  // By which workers read it where it lies; -1: they cannot.
  int descriptor() const { return memory_.descriptor(); }
  uint64_t bytes() const { return bytes_; }
  std::span<const std::byte> span() const { return memory_.span().first(bytes_); }
  std::span<const std::byte> of(const Bucket& bucket) const {
    return memory_.span().subspan(bucket.shard_offset, bucket.bytes);
  }
  // For the next shard; this one is empty afterwards.
  Block take_memory() { return std::move(memory_); }

 private:
  Metas metas_;
  std::vector<uint64_t> offsets_;  // of the pieces
  uint64_t bytes_ = 0;
  uint64_t bucket_bytes_;
  Block memory_;
};

}  // namespace podium::ckpt::engine
