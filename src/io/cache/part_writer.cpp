#include "io/cache/part_writer.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <future>
#include <optional>

#include "core/error.hpp"
#include "core/span_names.hpp"
#include "core/text.hpp"
#include "io/cache/shard.hpp"
#include "io/image/statistics.hpp"

namespace podium::io {
namespace {

struct Buffer {
  std::vector<uint8_t> images;
  std::vector<uint8_t> labels;
};

// This rank's records [begin, end) of a part, counted from the first that the plan writes.
struct Share {
  uint64_t begin;
  uint64_t end;
};

Share share_of(const PartPlan& part, uint64_t rank, uint64_t ranks) {
  return {part.records * rank / ranks, part.records * (rank + 1) / ranks};
}

std::string shard_name(const WritePlan& plan, Part part, uint64_t rank, uint64_t ranks) {
  return format("%s-%s-%05llu-of-%05llu.h5", part_name(part), plan.tag.c_str(),
                static_cast<unsigned long long>(rank), static_cast<unsigned long long>(ranks));
}

void map_labels(const std::vector<uint8_t>& map, std::span<uint8_t> labels) {
  if (map.empty()) return;
  for (uint8_t& label : labels) {
    if (label >= map.size()) {
      throw data_error("label " + std::to_string(label) + " has no class in the cache", "--append",
                       "append a source of the same classes");
    }
    label = map[label];
  }
}

// Reads a share batch by batch, one ahead of its user.
class BatchReader {
 public:
  BatchReader(RecordStream& stream, const WritePlan& plan, const ImageShape& shape,
              uint64_t records)
      : stream_(stream), plan_(plan), shape_(shape), left_(records) {
    read_ahead();
  }

  // The next batch, valid until the next call.
  const Buffer& next(const Lane& lane) {
    {
      const Timed span(lane, spans::wait);
      ahead_.get();
    }
    const Buffer& ready = buffers_[current_];
    current_ = 1 - current_;
    read_ahead();
    return ready;
  }

 private:
  void read_ahead() {
    if (left_ == 0) return;
    ahead_ = std::async(std::launch::async, [this, &buffer = buffers_[current_]] { fill(buffer); });
  }

  void fill(Buffer& buffer) {
    const uint64_t count = std::min(left_, batch_records(shape_));
    buffer.labels.resize(count);
    buffer.images.resize(count * shape_.bytes());
    stream_.read(buffer.images, buffer.labels);
    map_labels(plan_.labels, buffer.labels);
    left_ -= count;
  }

  RecordStream& stream_;
  const WritePlan& plan_;
  const ImageShape shape_;
  std::array<Buffer, 2> buffers_;
  size_t current_ = 0;
  uint64_t left_;
  std::future<void> ahead_;  // last: its thread uses all of the above
};

// Adds those images of a batch that are not validation records. `first` is the batch's place in the
// cache's train part.
void add_statistics(const Buffer& batch, uint64_t first, const std::vector<uint32_t>& validation,
                    size_t image_bytes, ChannelSums& sums) {
  auto skip = std::lower_bound(validation.begin(), validation.end(), first);
  for (size_t i = 0; i < batch.labels.size(); ++i) {
    if (skip != validation.end() && *skip == first + i) {
      ++skip;
    } else {
      sums.add_image(std::span(batch.images).subspan(i * image_bytes, image_bytes));
    }
  }
}

// Who hears of the batches of a shard: `wrote` is told how many more records are written.
struct ShardWatch {
  Lane lane;
  std::function<void(uint64_t records)> wrote;
};

// Writes the records `share` of a part; their sums are added to `sums`, if it is given.
ShardEntry write_shard(const WritePlan& plan, const Source& source, Part part, Share share,
                       const std::string& file, const std::vector<uint32_t>& validation,
                       ChannelSums* sums, const ShardWatch& watch) {
  const ImageShape& shape = source.info().shape;
  const PartPlan& records = plan.part(part);
  ShardEntry shard;
  shard.part = part;
  shard.file = file;
  shard.first = records.cache_first + share.begin;
  shard.records = share.end - share.begin;
  shard.generation = plan.generation;

  const auto stream = source.open(part, records.source_first + share.begin);
  ShardWriter writer(plan.folder / file, shape, shard.records);
  BatchReader batches(*stream, plan, shape, shard.records);
  for (uint64_t done = 0; done < shard.records;) {
    const Timed span(watch.lane, spans::ingest_batch);
    const Buffer& batch = batches.next(watch.lane);
    writer.append(batch.images, batch.labels);
    if (sums != nullptr) {
      add_statistics(batch, shard.first + done, validation, shape.bytes(), *sums);
    }
    done += batch.labels.size();
    watch.wrote(batch.labels.size());
  }
  if (share.end == records.records) stream->finish();
  const Seal seal = writer.finish();
  shard.bytes = seal.bytes;
  shard.xxh3 = seal.xxh3;
  return shard;
}

}  // namespace

ShardReport write_share(const WritePlan& plan, const Source& source,
                        const std::vector<uint32_t>& validation, uint64_t rank, uint64_t ranks,
                        const WriteWatch& watch) {
  ChannelSums sums(source.info().shape.channels);
  ShardReport report;
  uint64_t total = 0;
  for (const Part part : {Part::train, Part::test}) {
    const Share share = share_of(plan.part(part), rank, ranks);
    total += share.end - share.begin;
  }
  std::atomic<uint64_t> done{0};
  const auto write = [&](Part part, ChannelSums* part_sums) -> std::optional<ShardEntry> {
    const Share share = share_of(plan.part(part), rank, ranks);
    if (share.begin == share.end) return {};
    ShardWatch of_part;
    if (watch.tracer != nullptr) {
      of_part.lane = watch.tracer->lane(std::string("ingest ") + part_name(part));
    }
    of_part.wrote = [&, part](uint64_t records) {
      done += records;
      if (watch.on_advance && part == Part::train) watch.on_advance(done, total);
    };
    return write_shard(plan, source, part, share, shard_name(plan, part, rank, ranks), validation,
                       part_sums, of_part);
  };
  auto test = std::async(std::launch::async, write, Part::test, nullptr);
  const std::optional<ShardEntry> train = write(Part::train, &sums);
  if (train) report.shards.push_back(*train);
  if (const auto entry = test.get()) report.shards.push_back(*entry);
  report.sum = std::move(sums.sum);
  report.square_sum = std::move(sums.square_sum);
  return report;
}

void remove_shards_of(const WritePlan& plan, uint64_t rank, uint64_t ranks) {
  for (const Part part : {Part::train, Part::test}) {
    std::error_code ignored;  // most likely it was never there
    std::filesystem::remove(plan.folder / shard_name(plan, part, rank, ranks), ignored);
  }
}

}  // namespace podium::io
