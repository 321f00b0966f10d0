#include "io/loader/record_store.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "core/error.hpp"

namespace podium::io {
namespace {

// Random reads wait for memory unless they are announced. About so many bytes are announced ahead,
// into the second-level cache, which holds them until they are copied; of a large image only the
// first bytes, as the processor sees the rest of a long run coming by itself.
constexpr size_t bytes_ahead = size_t{18} << 10;
constexpr size_t most_records_ahead = 32;
constexpr size_t announced_bytes = 4096;
constexpr size_t cache_line = 64;
constexpr int keep_in_second_level = 2;

void announce(const uint8_t* source, size_t bytes) {
  for (size_t at = 0; at < bytes; at += cache_line) {
    __builtin_prefetch(source + at, 0, keep_in_second_level);
  }
}

}  // namespace

RecordStore::RecordStore(const ShardBlocks& shards, const BlockSource& source,
                         const BlockCacheOptions& options)
    : shards_(shards),
      source_(source),
      image_bytes_(source.record_bytes()),
      records_ahead_(std::clamp<size_t>(bytes_ahead / image_bytes_, 1, most_records_ahead)),
      announced_(std::min(image_bytes_, announced_bytes)),
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

void RecordStore::gather(Part part, size_t count, const BatchWriter& writer,
                         GatherScratch& scratch) const {
  if (!gather_settled(part, count, writer, scratch)) gather_by_block(part, count, writer, scratch);
}

// Copies the records if all of their blocks stay in memory for good, and counts a touch for each of
// these blocks. Where the next records are is found out while the copies wait for memory.
bool RecordStore::gather_settled(Part part, size_t count, const BatchWriter& writer,
                                 GatherScratch& scratch) const {
  const std::span<const uint32_t> records = scratch.records;  // those to come included
  const uint8_t* labels = shards_.labels(part).data();
  const bool plain = !writer.augmentation.enabled();
  scratch.sources.resize(records.size());
  scratch.touched_in_call.resize(layouts_[0].starts.size() + layouts_[1].starts.size());
  Touches touches{++scratch.calls, 0};
  const size_t lead = std::min(records_ahead_, records.size());
  for (size_t i = 0; i < lead; ++i) {
    if (!find(part, i, i < count, scratch, touches)) return false;
  }
  for (size_t i = 0; i < count; ++i) {
    const size_t next = i + lead;
    if (next < records.size() && !find(part, next, next < count, scratch, touches)) return false;
    if (plain) {
      writer.copy(i, scratch.sources[i], labels[records[i]]);
    } else {
      writer.put(i, scratch.sources[i], labels[records[i]]);
    }
  }
  cache_.touch(touches.blocks, count * image_bytes_);
  return true;
}

// Finds record `i` of the scratch and announces it. False if it is `needed` and its block does not
// stay in memory for good.
inline bool RecordStore::find(Part part, size_t i, bool needed, GatherScratch& scratch,
                              Touches& touches) const {
  const Layout& layout = this->layout(part);
  const uint32_t record = scratch.records[i];
  const uint32_t block = layout.blocks.count(record);
  const uint64_t source_block = layout.first_block + block;
  const uint8_t* data = cache_.find(source_block);
  if (data == nullptr) return !needed;
  scratch.sources[i] = data + (record - layout.starts[block]) * image_bytes_;
  announce(scratch.sources[i], announced_);
  if (needed) {
    touches.blocks +=
        std::exchange(scratch.touched_in_call[source_block], touches.call) != touches.call;
  }
  return true;
}

void RecordStore::gather_by_block(Part part, size_t count, const BatchWriter& writer,
                                  GatherScratch& scratch) const {
  const std::span<const uint32_t> records = std::span(scratch.records).first(count);
  const Layout& layout = this->layout(part);
  const uint8_t* labels = shards_.labels(part).data();
  scratch.order.resize(records.size());
  std::iota(scratch.order.begin(), scratch.order.end(), 0u);
  std::sort(scratch.order.begin(), scratch.order.end(),
            [&](uint32_t a, uint32_t b) { return records[a] < records[b]; });
  for (size_t at = 0; at < count;) {
    const uint32_t block = layout.blocks.count(records[scratch.order[at]]);
    const uint32_t begin = layout.starts[block];
    const uint32_t end = layout.starts[block + 1];
    size_t after = at + 1;
    while (after < count && records[scratch.order[after]] < end) ++after;
    const BlockLease lease =
        cache_.acquire(layout.first_block + block, (after - at) * image_bytes_);
    for (; at < after; ++at) {
      const uint32_t position = scratch.order[at];
      const uint32_t record = records[position];
      writer.put(position, lease.data() + (record - begin) * image_bytes_, labels[record]);
    }
  }
}

void RecordStore::copy_runs(Part part, std::span<const BlockRun> runs, size_t first,
                            const BatchWriter& writer, GatherScratch& scratch) const {
  const std::span<const uint32_t> records = scratch.records;
  const uint8_t* labels = shards_.labels(part).data();
  scratch.sources.resize(records.size());
  for (const BlockRun& run : runs) {
    const uint32_t begin = layout(part).starts[run.block];
    for (size_t i = run.begin; i < run.end; ++i) {
      scratch.sources[i] = run.lease->data() + (records[i] - begin) * image_bytes_;
    }
  }
  const size_t lead = std::min(records_ahead_, records.size());
  for (size_t i = 0; i < lead; ++i) announce(scratch.sources[i], announced_);
  for (size_t i = 0; i < records.size(); ++i) {
    if (i + lead < records.size()) announce(scratch.sources[i + lead], announced_);
    writer.put(first + i, scratch.sources[i], labels[records[i]]);
  }
}

}  // namespace podium::io
