// Dataset: the records of one cache, for reading.
//
// As many records as the memory budget allows are read once, verified, and kept; the rest are read
// from the cache's shards when asked for. Read-only after open(): gather() may be called by several
// threads at once. An opened Dataset keeps its shard files open, so it outlives a rebuild of the
// cache.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace podium::io {

enum class Split { train = 0, validation = 1, test = 2 };

const char* split_name(Split split);

// What a cache says of itself. Images are uint8 [H,W,C], channels last.
struct DatasetInfo {
  std::string name;    // of the source: "fashion_mnist"
  std::string digest;  // of the source's content, 16 hexadecimal digits
  size_t height = 0;
  size_t width = 0;
  size_t channels = 0;
  size_t classes = 0;
  std::vector<std::string> class_names;  // one per class
  std::vector<double> mean;              // per channel over the train split, pixels scaled to [0,1]
  std::vector<double> stddev;            // likewise
  std::array<size_t, 3> counts{};        // records of train, validation and test

  size_t image_bytes() const { return height * width * channels; }
};

class Dataset {
 public:
  static constexpr uint64_t default_memory_bytes = uint64_t{1} << 30;

  // Opens the cache folder `path` (Decision::path of an ingest). Verifies the checksum of every
  // shard. Throws data_error naming the damaged file, unavailable_error when there is no cache.
  static Dataset open(const std::filesystem::path& path,
                      uint64_t memory_bytes = default_memory_bytes);

  Dataset(Dataset&&) noexcept;
  Dataset& operator=(Dataset&&) noexcept;
  ~Dataset();

  const DatasetInfo& info() const;
  size_t size(Split split) const { return info().counts[static_cast<size_t>(split)]; }

  // Bytes of images held in memory.
  uint64_t resident_bytes() const;

  // Copies the images [n,H,W,C] and labels [n] of `records` (n indices below size(split)).
  // REQUIRES: images.size() == n * image_bytes(), labels.size() == n. Throws data_error when a
  // record must be read from disk and is damaged.
  void gather(Split split, std::span<const uint32_t> records, std::span<uint8_t> images,
              std::span<uint8_t> labels) const;

 private:
  struct State;
  explicit Dataset(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace podium::io
