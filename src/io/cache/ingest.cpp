#include "io/cache/ingest.hpp"

#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <tuple>

#include "core/error.hpp"
#include "core/hash.hpp"
#include "core/permutation.hpp"
#include "core/random.hpp"
#include "io/cache/append.hpp"
#include "io/cache/cache_check.hpp"
#include "io/cache/manifest.hpp"
#include "io/cache/part_writer.hpp"
#include "io/files/atomic_file.hpp"
#include "io/files/file_lock.hpp"
#include "io/image/statistics.hpp"
#include "io/sources/place.hpp"

namespace podium::io {
namespace {

uint64_t hash_text(const std::string& text) {
  return xxh3(std::as_bytes(std::span(text.data(), text.size())));
}

// The validation records of the train part, ascending: a seeded sample.
std::vector<uint32_t> choose_validation(uint64_t train_records, const IngestOptions& options) {
  std::vector<uint32_t> chosen =
      sample(static_cast<uint32_t>(train_records),
             static_cast<uint32_t>(options.validation_records), Random(options.split_seed));
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

bool is_utf8(const std::string& text) {
  try {
    return !nlohmann::json(text).dump().empty();
  } catch (const nlohmann::json::exception&) {
    return false;
  }
}

// Class names stand in JSON, and appended records find their class by its name.
void check_class_names(const SourceInfo& info) {
  std::set<std::string> names;
  for (const std::string& name : info.class_names) {
    if (!is_utf8(name)) {
      throw data_error("the name of class " + std::to_string(names.size()) + " is not UTF-8 text",
                       info.location, "rename it");
    }
    if (!names.insert(name).second) {
      throw data_error("two classes are called '" + name + "'", info.location,
                       "give each class a name of its own");
    }
  }
}

// Names the files of one build or append apart from those of every other.
std::string new_tag() {
  const auto now = std::chrono::system_clock::now().time_since_epoch().count();
  return to_hex(mix64(static_cast<uint64_t>(now)) ^ static_cast<uint64_t>(getpid()));
}

// Removes shards that the manifest does not list. Whoever reads them has them open.
void remove_unlisted(const std::filesystem::path& folder, const Manifest& manifest) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string file = entry.path().filename().string();
    if (!file.ends_with(".h5") || file == manifest_file || file.starts_with('.')) continue;
    if (std::ranges::count(manifest.shards, file, &ShardEntry::file) > 0) continue;
    std::error_code ignored;
    std::filesystem::remove(entry.path(), ignored);
  }
}

void add_reports(const std::vector<ShardReport>& reports, ChannelSums& sums, Manifest& manifest) {
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
  require(shards_cover(manifest), "the reports of all ranks cover the plan", "Ingest::finish");
}

}  // namespace

struct Ingest::State {
  explicit State(IngestOptions given)
      : options(std::move(given)), place(place_of(options.source)) {}

  // Opened when first needed: it may mean a download. Of a source that is appended to another's
  // cache, all records are wanted.
  const Source& open(const std::string& text) {
    if (!opened || opened->info().text != text) {
      opened =
          open_source({text, options.cache_dir / "downloads", options.data_folders, options.mirrors,
                       options.log, options.transform, text == options.source});
    }
    return *opened;
  }

  const Source& own_source() {
    const Source& source = open(options.source);
    const uint64_t train_records = source.info().train_records;
    if (options.validation_records >= train_records) {
      throw usage_error("cannot take " + std::to_string(options.validation_records) +
                            " validation records from " + std::to_string(train_records) +
                            " train records",
                        "--io.validation", "take fewer");
    }
    return source;
  }

  uint64_t own_digest() {
    if (!digest) digest = own_source().digest();
    return *digest;
  }

  // Place, transforms and split: jobs that differ in one of them never share a folder.
  std::string cache_name() const {
    const uint64_t split = mix64(options.split_seed ^ mix64(options.validation_records));
    const uint64_t what = hash_text(place.location + "\n" + options.transform.text());
    return place.name + "-" + to_hex(what ^ split);
  }
  std::filesystem::path folder() const { return options.cache_dir / cache_name(); }

  // What the data are known by: models trained on equal digests and splits can be compared.
  std::string data_digest() {
    const std::string transform = options.transform.text();
    return to_hex(transform.empty() ? own_digest() : own_digest() ^ mix64(hash_text(transform)));
  }

  MemoSource memo_source() {
    return {[this] { return own_digest(); },
            [this] {
              const SourceInfo& info = own_source().info();
              return info.train_records + info.test_records;
            }};
  }

  void take_lock() {
    create_folder(options.cache_dir);
    lock = FileLock(options.cache_dir / (cache_name() + ".lock"), options.lock_timeout, [&] {
      options.log.info("waiting for another job that builds cache " + cache_name());
    });
  }

  std::optional<Decision> reuse(std::string& reason);
  Decision build(const std::string& reason);
  Decision append(const std::string& text);
  Decision decision(const Manifest& manifest, bool reuse, std::string reason) const;

  void begin_manifest();
  void warn_of_lost_appends() const;
  void remove_leftovers() const;
  void check_source_at_rest();

  IngestOptions options;
  SourcePlace place;
  std::unique_ptr<Source> opened;
  std::optional<uint64_t> digest;
  FileLock lock;
  Manifest manifest;  // that finish() will write, without the new shards
  MemoVerdict verdict;
};

Decision Ingest::State::decision(const Manifest& of, bool reuse, std::string reason) const {
  Decision decision;
  decision.reuse = reuse;
  decision.reason = std::move(reason);
  decision.path = folder();
  decision.records = of.train_records + of.test_records;
  decision.bytes = decision.records * of.shape.bytes();
  decision.generation = of.generation;
  return decision;
}

// Empty unless the cache can be used as it is; `reason` then says why not.
std::optional<Decision> Ingest::State::reuse(std::string& reason) {
  if (options.memo.mode == MemoMode::never) {
    reason = "a rebuild was asked for by --memo.mode=never";
    return {};
  }
  const std::optional<Manifest> cached = sound_cache(folder(), reason);
  if (!cached) return {};
  const Instant now = std::chrono::system_clock::now();
  const MemoVerdict found = judge(options.memo, *cached, memo_source(), now);
  reason = found.reason;
  if (!found.reuse) return {};
  remove_stale_temporaries(folder());  // of a builder that died while it wrote the memo
  write_memo(folder(), *cached, options.memo, found, now);
  return decision(*cached, true, "cache " + cache_name() + " is current: " + found.reason);
}

// The manifest of a cache built from the source as it is.
void Ingest::State::begin_manifest() {
  const SourceInfo& info = own_source().info();
  check_class_names(info);
  manifest = {};
  manifest.name = info.name;
  manifest.source = info.text;
  manifest.location = place.location;
  manifest.digest = data_digest();
  manifest.source_digest = to_hex(own_digest());
  manifest.source_records = info.train_records + info.test_records;
  manifest.source_train_records = info.train_records;
  manifest.transform = options.transform.text();
  manifest.shape = info.shape;
  manifest.class_names = info.class_names;
  manifest.train_records = info.train_records;
  manifest.test_records = info.test_records;
  manifest.split_seed = options.split_seed;
  manifest.validation = choose_validation(info.train_records, options);
}

// What writers that failed or died left behind. REQUIRES: this job holds the lock.
void Ingest::State::remove_leftovers() const {
  remove_stale_temporaries(folder());
  const std::optional<Manifest> before = readable_manifest(folder());
  std::error_code ignored;
  const bool damaged = !before && std::filesystem::exists(folder() / manifest_file, ignored);
  if (!damaged) remove_unlisted(folder(), before.value_or(Manifest{}));
}

// The content that was read is the one that the manifest speaks of. Throws data_error.
void Ingest::State::check_source_at_rest() {
  const std::string expected =
      manifest.generation == 0 ? manifest.source_digest : manifest.appends.back().digest;
  if (to_hex(opened->digest()) == expected) return;
  throw data_error("the source changed while it was read", opened->info().location,
                   "run ingest again when nobody writes to it");
}

// A rebuild loses records of other sources that were appended.
void Ingest::State::warn_of_lost_appends() const {
  uint64_t records = 0;
  const std::optional<Manifest> before = readable_manifest(folder());
  if (!before) return;
  for (const Append& append : before->appends) records += append.own ? 0 : append.records;
  if (records == 0) return;
  options.log.warning("the rebuild drops " + std::to_string(records) +
                      " records of other sources that had been appended; append them again");
}

Decision Ingest::State::build(const std::string& reason) {
  begin_manifest();
  warn_of_lost_appends();
  create_folder(folder());
  remove_leftovers();
  verdict = {false, reason};
  Decision built = decision(manifest, false, "building cache " + cache_name() + ": " + reason);
  built.plan = WritePlan{folder(),
                         options.source,
                         new_tag(),
                         0,
                         {{{0, 0, manifest.train_records}, {0, 0, manifest.test_records}}},
                         {}};
  return built;
}

Decision Ingest::State::append(const std::string& text) {
  std::string reason;
  const std::optional<Manifest> cached = sound_cache(folder(), reason);
  if (!cached) {
    throw unavailable_error("there is no sound cache to append to: " + reason, folder().string(),
                            "run `podium ingest` without --append first");
  }
  const bool own = text.empty();
  const Source& source = own ? own_source() : open(text);
  const std::string content = to_hex(source.digest());
  AppendChoice choice = own ? choose_grown(folder(), *cached, source, content)
                            : choose_other(*cached, source, content);
  remove_leftovers();
  if (choice.records.records == 0) return decision(*cached, true, choice.reason);

  manifest = *cached;
  ++manifest.generation;
  manifest.train_records += choice.records.records;
  if (manifest.train_records >= uint64_t{1} << 32) {
    throw data_error("a cache has at most 2^32 - 1 train records", text, "append fewer");
  }
  manifest.appends.push_back({manifest.generation, source.info().text, content, own,
                              choice.records.records,
                              to_utc_text(std::chrono::system_clock::now())});
  if (own) {
    manifest.source_digest = content;
    manifest.source_train_records += choice.records.records;
    manifest.source_records = source.info().train_records + source.info().test_records;
  }
  verdict = {false, choice.reason};
  Decision appended = decision(manifest, false, choice.reason + " to cache " + cache_name());
  appended.appended = choice.records.records;
  appended.plan = WritePlan{folder(),
                            own ? options.source : text,
                            new_tag(),
                            manifest.generation,
                            {{choice.records, {}}},
                            std::move(choice.labels)};
  return appended;
}

Ingest::Ingest(IngestOptions options) : state_(std::make_unique<State>(std::move(options))) {}
Ingest::~Ingest() = default;

Decision Ingest::decide() {
  State& state = *state_;
  if (state.options.append) {
    state.take_lock();
    return state.append(*state.options.append);
  }
  std::string reason;
  if (auto decision = state.reuse(reason)) return *decision;
  state.own_source();  // one that cannot be read leaves no trace
  state.take_lock();
  // While this job waited, the other one may have built what is needed.
  if (auto decision = state.reuse(reason)) {
    state.lock.release();
    return *decision;
  }
  return state.build(reason);
}

ShardReport Ingest::write_part(const WritePlan& plan, uint64_t rank, uint64_t ranks) {
  require(rank < ranks, "an ingest rank is one of its ranks", "Ingest::write_part");
  State& state = *state_;
  create_folder(plan.folder);
  const Source& source = state.open(plan.source);
  const std::vector<uint32_t> validation =
      plan.generation > 0 ? std::vector<uint32_t>()
                          : choose_validation(source.info().train_records, state.options);
  try {
    return write_share(plan, source, validation, rank, ranks,
                       {state.options.tracer, state.options.on_advance});
  } catch (...) {
    remove_shards_of(plan, rank, ranks);
    throw;
  }
}

void Ingest::finish(const std::vector<ShardReport>& reports) {
  State& state = *state_;
  state.check_source_at_rest();
  Manifest manifest = state.manifest;
  const Instant now = std::chrono::system_clock::now();
  ChannelSums sums(manifest.shape.channels);
  add_reports(reports, sums, manifest);
  manifest.updated = to_utc_text(now);
  if (manifest.generation == 0) {
    manifest.built = manifest.updated;
    const uint64_t images = manifest.train_records - manifest.validation.size();
    const ChannelStatistics statistics =
        channel_statistics(sums, images * manifest.shape.height * manifest.shape.width);
    manifest.mean = statistics.mean;
    manifest.stddev = statistics.stddev;
  }
  write_manifest(state.folder() / manifest_file, manifest);
  write_memo(state.folder(), manifest, state.options.memo, state.verdict, now);
  remove_unlisted(state.folder(), manifest);
  state.lock.release();
}

}  // namespace podium::io
