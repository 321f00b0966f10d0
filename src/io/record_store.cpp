#include "io/record_store.hpp"

#include <algorithm>
#include <cstring>

#include "core/error.hpp"

namespace podium::io {

RecordStore::RecordStore(const std::filesystem::path& folder, const Manifest& manifest, Part part,
                         uint64_t memory_bytes)
    : image_bytes_(manifest.shape.bytes()),
      chunk_records_(batch_records(manifest.shape)),
      resident_records_(std::min(manifest.records(part), memory_bytes / image_bytes_)),
      labels_(manifest.records(part)),
      images_(std::make_unique_for_overwrite<uint8_t[]>(resident_records_ * image_bytes_)) {
  for (const ShardEntry& entry : manifest.shards) {
    if (entry.part != part) continue;
    const std::filesystem::path path = folder / entry.file;
    if (verify_seal(path, shard_schema).xxh3 != entry.xxh3) {
      throw data_error("a shard is not the one that the manifest lists", path.string(),
                       shard_schema.remedy);
    }
    Shard shard{ShardReader(path, manifest.shape, entry.records), entry.first};
    load(shard);
    if (entry.first + entry.records > resident_records_) shards_.push_back(std::move(shard));
  }
  const auto largest = std::max_element(labels_.begin(), labels_.end());
  if (largest != labels_.end() && *largest >= manifest.class_names.size()) {
    throw data_error("a label is out of range", folder.string(), cache_schema.remedy);
  }
}

void RecordStore::load(const Shard& shard) {
  const uint64_t records = shard.reader.records();
  shard.reader.read_labels(0, std::span(labels_).subspan(shard.first, records));
  if (shard.first >= resident_records_) return;
  const uint64_t resident = std::min(records, resident_records_ - shard.first);
  // Piece by piece, so that other threads get their turn at the HDF5 library.
  for (uint64_t begin = 0; begin < resident; begin += chunk_records_) {
    const uint64_t count = std::min(chunk_records_, resident - begin);
    uint8_t* target = images_.get() + (shard.first + begin) * image_bytes_;
    shard.reader.read_images(begin, {target, count * image_bytes_});
  }
}

void RecordStore::gather(std::span<const uint32_t> records, std::span<uint8_t> images,
                         std::span<uint8_t> labels) const {
  std::vector<size_t> missing;  // positions of records that are not resident
  for (size_t i = 0; i < records.size(); ++i) {
    const uint64_t record = records[i];
    labels[i] = labels_[record];
    if (record < resident_records_) {
      std::memcpy(images.data() + i * image_bytes_, images_.get() + record * image_bytes_,
                  image_bytes_);
    } else {
      missing.push_back(i);
    }
  }
  if (!missing.empty()) read_from_shards(std::move(missing), records, images);
}

// Every chunk that is touched is read once: HDF5 verifies whole chunks, so reading records one by
// one would read each chunk as often as it has records in the batch.
void RecordStore::read_from_shards(std::vector<size_t> positions, std::span<const uint32_t> records,
                                   std::span<uint8_t> images) const {
  std::sort(positions.begin(), positions.end(),
            [&](size_t a, size_t b) { return records[a] < records[b]; });
  std::vector<uint8_t> chunk(chunk_records_ * image_bytes_);
  uint64_t begin = 0;  // records [begin, end) of the part are in `chunk`
  uint64_t end = 0;
  for (const size_t position : positions) {
    const uint64_t record = records[position];
    if (record >= end) {
      const Shard& shard = shard_of(record);
      const uint64_t within = (record - shard.first) / chunk_records_ * chunk_records_;
      const uint64_t count = std::min(chunk_records_, shard.reader.records() - within);
      shard.reader.read_images(within, {chunk.data(), count * image_bytes_});
      begin = shard.first + within;
      end = begin + count;
    }
    std::memcpy(images.data() + position * image_bytes_,
                chunk.data() + (record - begin) * image_bytes_, image_bytes_);
  }
}

const RecordStore::Shard& RecordStore::shard_of(uint64_t record) const {
  const auto after =
      std::upper_bound(shards_.begin(), shards_.end(), record,
                       [](uint64_t value, const Shard& shard) { return value < shard.first; });
  return *std::prev(after);
}

}  // namespace podium::io
