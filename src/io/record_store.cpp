#include "io/record_store.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "core/error.hpp"

namespace podium::io {
namespace {

// Random reads wait for memory unless they are announced. Records this far ahead are, up to so many
// bytes of each: the processor sees a longer run coming by itself.
constexpr size_t records_ahead = 3;
constexpr size_t announced_bytes = 2048;
constexpr size_t cache_line = 64;

void announce(const uint8_t* source, size_t bytes) {
  for (size_t at = 0; at < bytes; at += cache_line) __builtin_prefetch(source + at, 0, 3);
}

}  // namespace

RecordStore::RecordStore(const ShardBlocks& shards, const BlockSource& source,
                         const BlockCacheOptions& options)
    : shards_(shards),
      source_(source),
      image_bytes_(source.record_bytes()),
      cache_(source, options) {
  lay_out(Part::test, 0, shards.first_train_block());
  lay_out(Part::train, shards.first_train_block(), source.blocks());
}

void RecordStore::grow() {
  lay_out(Part::train, shards_.first_train_block(), source_.blocks());
  cache_.grow();
}

void RecordStore::lay_out(Part part, uint64_t first_block, uint64_t end_block) {
  Layout& layout = layouts_[static_cast<size_t>(part)];
  layout.first_block = first_block;
  layout.starts.assign(1, 0);
  layout.starts.reserve(end_block - first_block + 1);
  for (uint64_t block = first_block; block < end_block; ++block) {
    layout.starts.push_back(layout.starts.back() + static_cast<uint32_t>(source_.records(block)));
  }
  layout.blocks = StepIndex({layout.starts.begin() + 1, layout.starts.end()});
}

void RecordStore::gather(Part part, std::span<const uint32_t> records, const BatchWriter& writer,
                         GatherScratch& scratch) const {
  if (!find_all(part, records, scratch)) return gather_by_block(part, records, writer, scratch);
  const uint8_t* labels = shards_.labels(part).data();
  const size_t announced = std::min(image_bytes_, announced_bytes);
  const size_t count = records.size();
  for (size_t i = 0; i < std::min(records_ahead, count); ++i) {
    announce(scratch.sources[i], announced);
  }
  for (size_t i = 0; i < count; ++i) {
    if (i + records_ahead < count) announce(scratch.sources[i + records_ahead], announced);
    writer.put(i, scratch.sources[i], labels[records[i]]);
  }
}

// Finds where all records are, if all of their blocks stay in memory for good, and counts a touch
// for each of these blocks.
bool RecordStore::find_all(Part part, std::span<const uint32_t> records,
                           GatherScratch& scratch) const {
  const Layout& layout = this->layout(part);
  scratch.sources.resize(records.size());
  scratch.touched_in_call.resize(source_.blocks());
  const uint64_t call = ++scratch.calls;
  uint64_t touches = 0;
  for (size_t i = 0; i < records.size(); ++i) {
    const uint32_t block = layout.blocks.count(records[i]);
    const uint64_t source_block = layout.first_block + block;
    const uint8_t* data = cache_.find(source_block);
    if (data == nullptr) return false;
    scratch.sources[i] = data + (records[i] - layout.starts[block]) * image_bytes_;
    touches += std::exchange(scratch.touched_in_call[source_block], call) != call;
  }
  cache_.touch(touches);
  return true;
}

void RecordStore::gather_by_block(Part part, std::span<const uint32_t> records,
                                  const BatchWriter& writer, GatherScratch& scratch) const {
  const Layout& layout = this->layout(part);
  const uint8_t* labels = shards_.labels(part).data();
  scratch.order.resize(records.size());
  std::iota(scratch.order.begin(), scratch.order.end(), 0u);
  std::sort(scratch.order.begin(), scratch.order.end(),
            [&](uint32_t a, uint32_t b) { return records[a] < records[b]; });
  uint32_t begin = 0;  // records [begin, end) of the part are those of `lease`
  uint32_t end = 0;
  BlockLease lease;
  for (const uint32_t position : scratch.order) {
    const uint32_t record = records[position];
    if (record >= end) {
      const uint32_t block = layout.blocks.count(record);
      lease = {};  // one at a time
      lease = cache_.acquire(layout.first_block + block);
      begin = layout.starts[block];
      end = layout.starts[block + 1];
    }
    writer.put(position, lease.data() + (record - begin) * image_bytes_, labels[record]);
  }
}

void RecordStore::copy_run(Part part, uint64_t block, const uint8_t* data,
                           std::span<const uint32_t> records, size_t first,
                           const BatchWriter& writer) const {
  const uint8_t* labels = shards_.labels(part).data();
  const uint32_t begin = layout(part).starts[block];
  const size_t announced = std::min(image_bytes_, announced_bytes);
  for (size_t i = 0; i < records.size(); ++i) {
    if (i + records_ahead < records.size()) {
      announce(data + (records[i + records_ahead] - begin) * image_bytes_, announced);
    }
    writer.put(first + i, data + (records[i] - begin) * image_bytes_, labels[records[i]]);
  }
}

}  // namespace podium::io
