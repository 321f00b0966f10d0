#include "ckpt/engine/shard.hpp"

#include <algorithm>
#include <cstring>

#include "core/error.hpp"
#include "core/hash.hpp"

namespace podium::ckpt::engine {

HostShard::HostShard(uint64_t version, std::string card, std::vector<Piece> pieces,
                     uint64_t bucket_bytes, Block memory)
    : metas_{version, std::move(card), std::move(pieces), {}},
      bytes_(shard_bytes_of(metas_.pieces)),
      bucket_bytes_(bucket_bytes),
      memory_(std::move(memory)) {
  if (memory_.size() < bytes_) {
    memory_ = {};  // before the larger one is taken
    memory_ = Block(bytes_, "a shard of the weights");
  }
  uint64_t offset = 0;
  for (const Piece& piece : metas_.pieces) {
    offsets_.push_back(offset);
    const uint64_t gap = aligned(piece.bytes) - piece.bytes;
    std::memset(memory_.bytes() + offset + piece.bytes, 0, gap);
    offset += aligned(piece.bytes);
  }
}

std::span<std::byte> HostShard::piece(size_t index) {
  require(index < offsets_.size(), "a shard has no such piece", "HostShard");
  return memory_.span().subspan(offsets_[index], metas_.pieces[index].bytes);
}

void HostShard::seal() {
  metas_.hashes.clear();
  for (uint64_t first = 0; first < bytes_; first += bucket_bytes_) {
    const auto bucket = span().subspan(first, std::min(bucket_bytes_, bytes_ - first));
    for (uint64_t offset = 0; offset < bucket.size(); offset += chunk_bytes) {
      metas_.hashes.push_back(
          xxh3(bucket.subspan(offset, std::min(chunk_bytes, bucket.size() - offset))));
    }
  }
}

}  // namespace podium::ckpt::engine
