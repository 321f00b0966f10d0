#include "io/ingest.hpp"

#include <algorithm>
#include <array>
#include <ctime>
#include <optional>

#include "core/error.hpp"
#include "core/hash.hpp"
#include "core/random.hpp"
#include "io/atomic_file.hpp"
#include "io/file_lock.hpp"
#include "io/manifest.hpp"
#include "io/permutation.hpp"
#include "io/shard.hpp"
#include "io/statistics.hpp"

namespace podium::io {
namespace {

constexpr const char* validation_key = "--io.validation";

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text.data();
}

std::string shard_name(Part part, uint64_t rank, uint64_t ranks) {
  std::array<char, 80> text{};
  std::snprintf(text.data(), text.size(), "%s-%05llu-of-%05llu.h5", part_name(part),
                static_cast<unsigned long long>(rank), static_cast<unsigned long long>(ranks));
  return text.data();
}

// The validation records of the train part, ascending.
std::vector<uint32_t> choose_validation(uint64_t train_records, const IngestOptions& options) {
  std::vector<uint32_t> chosen =
      permutation(static_cast<uint32_t>(train_records), Random(options.split_seed));
  chosen.resize(options.validation_records);
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

// Throws data_error unless every shard is there and as sealed.
void verify_shards(const std::filesystem::path& folder, const Manifest& manifest) {
  for (const ShardEntry& shard : manifest.shards) {
    const Seal seal = verify_seal(folder / shard.file, shard_schema);
    if (seal.xxh3 != shard.xxh3) {
      throw data_error("a shard is not the one that the manifest lists",
                       (folder / shard.file).string(), shard_schema.remedy);
    }
  }
}

// Why the cache in `folder` cannot be used as asked; empty when it can.
std::string obstacle(const std::filesystem::path& folder, const IngestOptions& options,
                     std::optional<Manifest>& manifest) {
  std::error_code ignored;
  if (!std::filesystem::exists(folder / manifest_file, ignored)) {
    return "there is no cache of this source content, split and format yet";
  }
  try {
    manifest = read_manifest(folder / manifest_file);
    if (manifest->split_seed != options.split_seed) {
      return "the cache was split by seed " + std::to_string(manifest->split_seed) + ", not " +
             std::to_string(options.split_seed);
    }
    if (manifest->validation.size() != options.validation_records) {
      return "the cache has " + std::to_string(manifest->validation.size()) +
             " validation records, not " + std::to_string(options.validation_records);
    }
    verify_shards(folder, *manifest);
    return {};
  } catch (const Error& error) {
    return std::string("the cache is damaged: ") + error.what();
  }
}

}  // namespace

struct Ingest::State {
  explicit State(IngestOptions given) : options(std::move(given)) {}

  // Opened when first needed: it may mean a download.
  const Source& source() {
    if (!opened) {
      opened = open_source({options.source,
                            options.cache_dir / "downloads",
                            options.data_folders,
                            options.mirrors,
                            options.log,
                            {}});
      const uint64_t train_records = opened->info().train_records;
      if (options.validation_records >= train_records) {
        throw usage_error("cannot take " + std::to_string(options.validation_records) +
                              " validation records from " + std::to_string(train_records) +
                              " train records",
                          validation_key, "take fewer");
      }
    }
    return *opened;
  }

  const SourceInfo& info() { return source().info(); }
  uint64_t digest() {
    if (!known_digest) known_digest = source().digest();
    return *known_digest;
  }
  // Content and split: jobs that split the same source otherwise never write the same folder.
  std::string cache_name() {
    const uint64_t split = mix64(options.split_seed ^ mix64(options.validation_records));
    return info().name + "-" + to_hex(digest() ^ split);
  }
  std::filesystem::path folder() { return options.cache_dir / cache_name(); }

  Decision decision(bool reuse, std::string reason) {
    const uint64_t records = info().train_records + info().test_records;
    return {reuse, std::move(reason), folder(), records, records * info().shape.bytes()};
  }

  // Empty unless the cache can be used as it is.
  std::optional<Decision> reuse(std::string& reason) {
    std::optional<Manifest> manifest;
    reason = obstacle(folder(), options, manifest);
    if (!reason.empty()) return {};
    return decision(true, "cache " + cache_name() +
                              " is current: source digest, split seed and format version match (" +
                              std::to_string(info().train_records + info().test_records) +
                              " records, built " + manifest->built + ")");
  }

  ShardEntry write_shard(Part part, uint64_t rank, uint64_t ranks, ChannelSums& sums);

  IngestOptions options;
  std::unique_ptr<Source> opened;
  std::optional<uint64_t> known_digest;
  FileLock lock;
};

Ingest::Ingest(IngestOptions options) : state_(std::make_unique<State>(std::move(options))) {}
Ingest::~Ingest() = default;

Decision Ingest::decide() {
  State& state = *state_;
  std::string reason = "a rebuild was asked for";
  if (!state.options.force) {
    if (auto decision = state.reuse(reason)) return *decision;
  }
  create_folder(state.options.cache_dir);
  state.lock = FileLock(
      state.options.cache_dir / (state.cache_name() + ".lock"), state.options.lock_timeout, [&] {
        state.options.log.info("waiting for another job that builds cache " + state.cache_name());
      });
  // While this job waited, the other one may have built what is needed.
  if (!state.options.force) {
    if (auto decision = state.reuse(reason)) {
      state.lock.release();
      return *decision;
    }
  }
  create_folder(state.folder());
  remove_stale_temporaries(state.folder());
  return state.decision(false, "building cache " + state.cache_name() + ": " + reason);
}

ShardEntry Ingest::State::write_shard(Part part, uint64_t rank, uint64_t ranks, ChannelSums& sums) {
  const uint64_t total = info().records(part);
  ShardEntry shard;
  shard.part = part;
  shard.file = shard_name(part, rank, ranks);
  shard.first = total * rank / ranks;
  const uint64_t end = total * (rank + 1) / ranks;
  shard.records = end - shard.first;
  if (shard.records == 0) return shard;

  std::vector<bool> is_validation(part == Part::train ? total : 0);
  if (part == Part::train) {
    for (const uint32_t record : choose_validation(total, options)) is_validation[record] = true;
  }
  const auto stream = source().open(part, shard.first);
  ShardWriter writer(folder() / shard.file, info().shape, shard.records);
  const size_t image_bytes = info().shape.bytes();
  const uint64_t batch = std::min(shard.records, batch_records(info().shape));
  std::vector<uint8_t> images(batch * image_bytes);
  std::vector<uint8_t> labels(batch);
  for (uint64_t record = shard.first; record < end;) {
    labels.resize(std::min(batch, end - record));
    images.resize(labels.size() * image_bytes);
    stream->read(images, labels);
    writer.append(images, labels);
    for (size_t i = 0; i < labels.size(); ++i, ++record) {
      if (part == Part::test || is_validation[record]) continue;
      sums.add_image(std::span(images).subspan(i * image_bytes, image_bytes));
    }
  }
  if (end == total) stream->finish();
  const Seal seal = writer.finish();
  shard.bytes = seal.bytes;
  shard.xxh3 = seal.xxh3;
  return shard;
}

ShardReport Ingest::write_part(uint64_t rank, uint64_t ranks) {
  require(rank < ranks, "an ingest rank is one of its ranks", "Ingest::write_part");
  State& state = *state_;
  ChannelSums sums(state.info().shape.channels);
  ShardReport report;
  create_folder(state.folder());
  for (const Part part : {Part::train, Part::test}) {
    ShardEntry shard = state.write_shard(part, rank, ranks, sums);
    if (shard.records > 0) report.shards.push_back(std::move(shard));
  }
  report.sum = std::move(sums.sum);
  report.square_sum = std::move(sums.square_sum);
  return report;
}

namespace {

// Removes shards of earlier builds by other rank counts. Their readers keep them open.
void remove_unlisted(const std::filesystem::path& folder, const Manifest& manifest) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string file = entry.path().filename().string();
    const bool listed = std::any_of(manifest.shards.begin(), manifest.shards.end(),
                                    [&](const ShardEntry& shard) { return shard.file == file; });
    if (listed || file == manifest_file || file.starts_with('.')) continue;
    std::error_code ignored;
    std::filesystem::remove(entry.path(), ignored);
  }
}

void gather_reports(const std::vector<ShardReport>& reports, const std::filesystem::path& folder,
                    Manifest& manifest) {
  ChannelSums sums(manifest.shape.channels);
  for (const ShardReport& report : reports) {
    require(report.sum.size() == sums.sum.size() && report.square_sum.size() == sums.sum.size(),
            "an ingest report has sums for each channel", "Ingest::finish");
    sums.add(report.sum, report.square_sum);
    manifest.shards.insert(manifest.shards.end(), report.shards.begin(), report.shards.end());
  }
  std::sort(manifest.shards.begin(), manifest.shards.end(),
            [](const ShardEntry& a, const ShardEntry& b) {
              return std::tie(a.part, a.first) < std::tie(b.part, b.first);
            });
  require(shards_cover(manifest), "the reports of all ranks cover the source", "Ingest::finish");
  for (const ShardEntry& shard : manifest.shards) {
    if (read_seal(folder / shard.file, shard_schema).xxh3 != shard.xxh3) {
      throw data_error("a shard was replaced while the cache was being built",
                       (folder / shard.file).string(), "run one ingest at a time, then again");
    }
  }
  const uint64_t images = manifest.train_records - manifest.validation.size();
  const ChannelStatistics statistics =
      channel_statistics(sums, images * manifest.shape.height * manifest.shape.width);
  manifest.mean = statistics.mean;
  manifest.stddev = statistics.stddev;
}

}  // namespace

void Ingest::finish(const std::vector<ShardReport>& reports) {
  State& state = *state_;
  const SourceInfo& info = state.info();
  Manifest manifest;
  manifest.name = info.name;
  manifest.source = info.text;
  manifest.digest = to_hex(state.digest());
  manifest.built = utc_now();
  manifest.shape = info.shape;
  manifest.class_names = info.class_names;
  manifest.train_records = info.train_records;
  manifest.test_records = info.test_records;
  manifest.split_seed = state.options.split_seed;
  manifest.validation = choose_validation(info.train_records, state.options);
  gather_reports(reports, state.folder(), manifest);
  write_manifest(state.folder() / manifest_file, manifest);
  remove_unlisted(state.folder(), manifest);
  state.lock.release();
}

}  // namespace podium::io
