// A manifest that is sealed as it should be but says anything: the input is its list of validation
// records (a byte of their number, then one byte each) and its JSON text. In the text @TRAIN and
// @TEST stand for the checksums of two shards that are there: train.h5 with 12 and test.h5 with 4
// images of 2x2x1.
#include <array>
#include <numeric>

#include "core/hash.hpp"
#include "fuzz/target.hpp"
#include "io/cache/manifest.hpp"
#include "io/cache/shard.hpp"
#include "io/files/hdf5_file.hpp"
#include "io/loader/dataset.hpp"

using namespace podium;

namespace {

constexpr io::ImageShape shape{2, 2, 1};
constexpr uint64_t train_records = 12;
constexpr uint64_t test_records = 4;
constexpr uint64_t gathered_bytes_limit = uint64_t{1} << 20;

// Writes a shard and returns its checksum.
std::string write_shard(const std::filesystem::path& path, uint64_t records) {
  io::ShardWriter shard(path, shape, records);
  std::vector<uint8_t> labels(records);
  for (uint64_t i = 0; i < records; ++i) labels[i] = static_cast<uint8_t>(i % 2);
  shard.append(std::vector<uint8_t>(records * shape.bytes(), 7), labels);
  return to_hex(shard.finish().xxh3);
}

void replace_all(std::string& text, std::string_view from, const std::string& to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

void write_manifest(const std::filesystem::path& path, std::span<const uint32_t> validation,
                    const std::string& text) {
  io::TemporaryFile file(path);
  io::Hdf5File hdf5 = io::Hdf5File::create(file, text.size() + validation.size_bytes());
  hdf5.write_attribute("schema", io::cache_schema.name);
  hdf5.write_attribute("version", std::to_string(io::cache_schema.version));
  hdf5.write_attribute("manifest", text);
  hdf5.create_dataset<uint32_t>("validation", {validation.size()}, 0).write(0, validation);
  hdf5.close();
  io::seal_and_publish(file, io::cache_schema);
}

void gather_all(const io::Dataset& dataset, io::Split split) {
  const uint64_t records = dataset.size(split);
  if (records * dataset.info().image_bytes() > gathered_bytes_limit) return;
  std::vector<uint32_t> indices(records);
  std::iota(indices.begin(), indices.end(), 0U);
  std::vector<uint8_t> images(records * dataset.info().image_bytes());
  std::vector<uint8_t> labels(records);
  dataset.gather(split, indices, images, labels);
}

struct Cache {
  fuzz::ScratchFolder folder;
  std::string train = write_shard(folder / "train.h5", train_records);
  std::string test = write_shard(folder / "test.h5", test_records);

  // Of a manifest with other shards Dataset::open() would wait for a rebuild to end.
  bool has(const io::ShardEntry& shard) const {
    const std::string sum = to_hex(shard.xxh3);
    return (shard.file == "train.h5" && sum == train) || (shard.file == "test.h5" && sum == test);
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Cache cache;
  constexpr size_t attribute_limit = 60000;  // HDF5 stores no more in an attribute of this kind
  if (size == 0 || size > attribute_limit) return 0;
  const size_t count = std::min<size_t>(data[0], size - 1);
  const std::vector<uint32_t> validation(data + 1, data + 1 + count);
  std::string text(reinterpret_cast<const char*>(data) + 1 + count, size - 1 - count);
  replace_all(text, "@TRAIN", cache.train);
  replace_all(text, "@TEST", cache.test);
  if (text.size() > attribute_limit) return 0;
  const std::filesystem::path path = cache.folder / io::manifest_file;
  write_manifest(path, validation, text);
  fuzz::read_or_refuse([&] {
    const io::Manifest manifest = io::read_manifest(path);
    const auto is_there = [](const io::ShardEntry& shard) { return cache.has(shard); };
    if (!std::ranges::all_of(manifest.shards, is_there)) return;
    const io::Dataset dataset = io::Dataset::open(cache.folder.path());
    for (const io::Split split : {io::Split::train, io::Split::validation, io::Split::test}) {
      gather_all(dataset, split);
    }
  });
  return 0;
}
