#include "io/cache/append.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "io/cache/shard.hpp"

namespace podium::io {
namespace {

constexpr const char* remedy =
    "give the new records alone by --append=SOURCE, or build anew by --memo=never";

void check_shape(const Manifest& cached, const Source& source) {
  if (source.info().shape == cached.shape) return;
  throw data_error("images of " + shape_text(source.info().shape) +
                       " do not fit a cache of images of " + shape_text(cached.shape),
                   source.info().location, "bring them to that shape by --io.transform");
}

// Whether the shard holds records of the cache's own source.
bool is_own(const Manifest& cached, const ShardEntry& shard) {
  return shard.generation == 0 || cached.appends[shard.generation - 1].own;
}

// Compares the next records of `stream` with those of `shard`; `record` counts the source's.
void compare(const std::filesystem::path& folder, const Manifest& cached, const ShardEntry& shard,
             const Source& source, RecordStream& stream, uint64_t& record) {
  const ShardReader reader(folder / shard.file, cached.shape, shard.records);
  const size_t image_bytes = cached.shape.bytes();
  const uint64_t batch = std::min(shard.records, batch_records(cached.shape));
  std::vector<uint8_t> images(batch * image_bytes);
  std::vector<uint8_t> labels(batch);
  std::vector<uint8_t> expected_images(images.size());
  std::vector<uint8_t> expected_labels(batch);
  for (uint64_t begin = 0; begin < shard.records; begin += batch) {
    const uint64_t count = std::min(batch, shard.records - begin);
    const auto cut = [&](std::vector<uint8_t>& bytes, size_t each) {
      return std::span(bytes).first(count * each);
    };
    stream.read(cut(images, image_bytes), cut(labels, 1));
    reader.read_images(begin, cut(expected_images, image_bytes));
    reader.read_labels(begin, cut(expected_labels, 1));
    for (uint64_t i = 0; i < count; ++i, ++record) {
      const auto image = std::span(images).subspan(i * image_bytes, image_bytes);
      if (labels[i] == expected_labels[i] &&
          std::equal(image.begin(), image.end(), expected_images.begin() + i * image_bytes)) {
        continue;
      }
      throw data_error(std::string("the source has not only grown: ") + part_name(shard.part) +
                           " record " + std::to_string(record) + " is not the one in the cache",
                       source.info().location, remedy);
    }
  }
}

void compare_part(const std::filesystem::path& folder, const Manifest& cached, Part part,
                  const Source& source) {
  const auto stream = source.open(part, 0);
  uint64_t record = 0;
  for (const ShardEntry& shard : cached.shards) {
    if (shard.part == part && is_own(cached, shard)) {
      compare(folder, cached, shard, source, *stream, record);
    }
  }
}

// The cache's label for each label of `source`, by the names of the classes.
std::vector<uint8_t> map_classes(const Manifest& cached, const Source& source) {
  const std::vector<std::string>& names = source.info().class_names;
  std::vector<uint8_t> labels;
  for (const std::string& name : names) {
    const auto found = std::ranges::find(cached.class_names, name);
    if (found == cached.class_names.end()) {
      throw data_error("the class '" + name + "' is not one of the cache's", source.info().location,
                       "append records of its classes only");
    }
    labels.push_back(static_cast<uint8_t>(found - cached.class_names.begin()));
  }
  const bool same = names.size() <= cached.class_names.size() &&
                    std::equal(names.begin(), names.end(), cached.class_names.begin());
  return same ? std::vector<uint8_t>() : labels;
}

AppendChoice nothing(std::string reason) {
  return {{}, {}, "nothing to append: " + std::move(reason)};
}

}  // namespace

AppendChoice choose_grown(const std::filesystem::path& folder, const Manifest& cached,
                          const Source& source, const std::string& digest) {
  check_shape(cached, source);
  const SourceInfo& info = source.info();
  const uint64_t have = cached.source_train_records;
  if (digest == cached.source_digest) {
    return nothing("the source has not changed since " + cached.updated);
  }
  if (info.train_records < have || info.test_records < cached.test_records) {
    throw data_error("the source has fewer records than the cache took from it: " +
                         std::to_string(info.train_records) + " train records, the cache has " +
                         std::to_string(have),
                     info.location, remedy);
  }
  if (info.class_names != cached.class_names) {
    throw data_error("the source's classes are not those of the cache", info.location, remedy);
  }
  compare_part(folder, cached, Part::train, source);
  compare_part(folder, cached, Part::test, source);
  const uint64_t grown = info.train_records - have;
  if (grown == 0) return nothing("the source's train part has not grown");
  std::string reason =
      "appending " + std::to_string(grown) + " records by which the source's train part has grown";
  if (const uint64_t more = info.test_records - cached.test_records; more > 0) {
    reason += " (not " + std::to_string(more) + " more of its test part, which stays as it was)";
  }
  return {{have, cached.train_records, grown}, {}, std::move(reason)};
}

AppendChoice choose_other(const Manifest& cached, const Source& source, const std::string& digest) {
  check_shape(cached, source);
  for (const Append& append : cached.appends) {
    if (append.digest == digest && !append.own) {
      return nothing("this source was appended at " + append.at);
    }
  }
  if (digest == cached.source_digest) return nothing("this is the cache's own source");
  const uint64_t records = source.info().train_records;
  return {{0, cached.train_records, records},
          map_classes(cached, source),
          "appending " + std::to_string(records) + " records of " + source.info().text};
}

}  // namespace podium::io
