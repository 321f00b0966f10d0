#include "io/cache/shard_blocks.hpp"

#include <algorithm>

#include "core/error.hpp"

namespace podium::io {
namespace {

constexpr uint64_t labels_per_read = uint64_t{1} << 20;

void expect_seal(const Seal& seal, const ShardEntry& entry, const std::filesystem::path& path) {
  if (seal.xxh3 == entry.xxh3) return;
  throw data_error("a shard is not the one that the manifest lists", path.string(),
                   shard_schema.remedy);
}

}  // namespace

void ShardBlocks::add(const ShardEntry& entry, bool whole) {
  require(entry.part == Part::train || first_train_block_ == blocks_,
          "test shards are added before train shards", "ShardBlocks::add");
  const std::filesystem::path path = folder_ / entry.file;
  expect_seal(whole ? verify_seal(path, shard_schema) : read_seal(path, shard_schema), entry, path);
  Shard shard{ShardReader(path, shape_, entry.records), path, blocks_};
  // What was opened is what was verified, unless it was replaced in between.
  expect_seal(read_seal(path, shard_schema), entry, path);
  read_labels(shard, labels_[static_cast<size_t>(entry.part)]);
  blocks_ += (entry.records + chunk_records_ - 1) / chunk_records_;
  if (entry.part == Part::test) first_train_block_ = blocks_;
  shards_.push_back(std::move(shard));
}

void ShardBlocks::read_labels(const Shard& shard, std::vector<uint8_t>& labels) const {
  const size_t before = labels.size();
  const uint64_t records = shard.reader.records();
  labels.resize(before + records);
  const std::span<uint8_t> added = std::span(labels).subspan(before);
  // Piece by piece, so that other threads get their turn at the HDF5 library.
  for (uint64_t first = 0; first < records; first += labels_per_read) {
    shard.reader.read_labels(first,
                             added.subspan(first, std::min(labels_per_read, records - first)));
  }
  if (std::ranges::max(added) >= classes_) {
    throw data_error("a label is out of range", shard.path.string(), shard_schema.remedy);
  }
}

uint64_t ShardBlocks::records(uint64_t block) const {
  const Shard& shard = shard_of(block);
  const uint64_t within = (block - shard.first_block) * chunk_records_;
  return std::min(chunk_records_, shard.reader.records() - within);
}

void ShardBlocks::read(uint64_t block, std::span<uint8_t> images) const {
  const Shard& shard = shard_of(block);
  const uint64_t first = (block - shard.first_block) * chunk_records_;
  try {
    shard.reader.read_images(first, images);
  } catch (const Error& error) {
    if (error.code() != ExitCode::bad_data) throw;
    throw data_error("records from " + std::to_string(first) + " on are damaged: " + error.what(),
                     shard.path.string(), shard_schema.remedy);
  }
}

const ShardBlocks::Shard& ShardBlocks::shard_of(uint64_t block) const {
  require(block < blocks_, "a block is one of its shards'", "ShardBlocks");
  const auto after = std::upper_bound(
      shards_.begin(), shards_.end(), block,
      [](uint64_t value, const Shard& shard) { return value < shard.first_block; });
  return *std::prev(after);
}

}  // namespace podium::io
