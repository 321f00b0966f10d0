// A builder that is killed at any moment, and a disk that gets full: a cache is absent or equal to
// its source, never wrong, and the next ingest is as if nothing had happened.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <functional>
#include <optional>

#include "core/clock.hpp"
#include "core/random.hpp"
#include "io/cache/memo.hpp"
#include "io/data_files.hpp"
#include "io/files/atomic_file.hpp"
#include "io/temporary_cache.hpp"
#include "temporary_folder.hpp"

namespace podium::io {
namespace {

using test::read_split;
using test::SplitContent;

constexpr uint64_t ranks = 3;
constexpr uint64_t kills = 20;
constexpr test::TinySet small_set{9000, 1500, 14, 14, 10};
constexpr test::TinySet grown_set{15000, 1500, 14, 14, 10};

// What a cache holds, by Split.
using Content = std::array<SplitContent, 3>;

bool same(const Content& a, const Content& b) {
  return std::ranges::equal(a, b, [](const SplitContent& left, const SplitContent& right) {
    return left.images == right.images && left.labels == right.labels;
  });
}

// Empty when there is no cache. Throws when there is one that cannot be read.
std::optional<Content> content_of(const std::filesystem::path& cache) {
  if (!std::filesystem::exists(cache / manifest_file)) return {};
  const Dataset dataset = Dataset::open(cache);
  return Content{read_split(dataset, Split::train), read_split(dataset, Split::validation),
                 read_split(dataset, Split::test)};
}

uint64_t count_files(const std::filesystem::path& folder, const std::string& part_of_name) {
  uint64_t count = 0;
  std::error_code error;  // the folder may not be there, and files come and go
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    count += name.find(part_of_name) != std::string::npos ? 1 : 0;
  }
  return count;
}

uint64_t count_shards(const std::filesystem::path& folder) {
  return count_files(folder, "-of-") - count_files(folder, ".tmp");
}

bool has_temporaries(const std::filesystem::path& folder) {
  return count_files(folder, ".tmp") > 0;
}

pid_t start_child(const std::function<void()>& action) {
  const pid_t child = fork();
  if (child != 0) return child;
  try {
    action();
  } catch (...) {
    _exit(1);
  }
  _exit(0);
}

// Waits until the child has ended or `when` says so, then kills it. Whether it was killed.
bool kill_when(pid_t child, const std::function<bool()>& when) {
  int status = 0;
  pid_t ended = 0;
  while (ended == 0 && !when()) ended = waitpid(child, &status, WNOHANG);
  if (ended == 0) {
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
  }
  EXPECT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0) << "the child failed by itself";
  return WIFSIGNALED(status);
}

class IngestKillTest : public ::testing::Test {
 protected:
  IngestKillTest() { write(small_set); }

  void write(const test::TinySet& set) {
    test::write_idx_folder(folder_.path() / "data", set, true);
  }

  IngestOptions options(const std::string& dir = "cache") const {
    IngestOptions options;
    options.source = (folder_.path() / "data").string();
    options.cache_dir = folder_.path() / dir;
    options.split_seed = 7;
    options.validation_records = 100;
    options.log = Log(LogLevel::error, "test");
    return options;
  }

  // What a cache of the source as it is holds, by an ingest that nobody disturbs.
  Content undisturbed(const std::string& dir) const {
    const Content content = *content_of(test::build_cache(options(dir), 1));
    EXPECT_EQ(content[2].images, test::test_images(1, small_set.test, 14 * 14));
    return content;
  }

  // Kills `ingest` at `kills` moments: most are spread over its whole duration, some are those at
  // which files appear. `prepare` comes before each, `check` after it; the latter is told the
  // folder of the cache.
  void kill_often(const std::filesystem::path& cache, const std::function<void()>& prepare,
                  const std::function<void()>& ingest, const std::function<void()>& check) {
    uint64_t shards = 0;  // with their names, before the ingest
    const std::vector<std::function<bool()>> events{
        [&] { return count_files(cache, ".train-") > 0; },        // a shard is being written
        [&] { return count_shards(cache) > shards; },             // one got its name
        [&] { return count_files(cache, ".manifest.h5.") > 0; },  // the manifest is being written
        [&] { return count_files(cache, ".memo.json.") > 0; }};   // it is there
    const double duration_s = std::min(duration_of(prepare, ingest), duration_of(prepare, ingest));
    Random random(3);
    uint64_t killed = 0;
    for (uint64_t i = 0; i < kills; ++i) {
      prepare();
      shards = count_shards(cache);
      const double share = (static_cast<double>(i) + random.uniform()) / kills;
      const Stopwatch watch;
      const auto moment = [&] { return watch.seconds() >= share * duration_s; };
      const bool at_event = i % 5 == 4;
      killed += kill_when(start_child(ingest), at_event ? events[i / 5] : moment) ? 1 : 0;
      check();
      if (HasFatalFailure()) return;
    }
    RecordProperty("killed", static_cast<int>(killed));
    EXPECT_GT(killed, 0u);
  }

  static double duration_of(const std::function<void()>& prepare,
                            const std::function<void()>& ingest) {
    prepare();
    const Stopwatch watch;
    kill_when(start_child(ingest), [] { return false; });
    return watch.seconds();
  }

  test::TemporaryFolder folder_;
};

TEST_F(IngestKillTest, AKilledFirstIngestLeavesNoCacheOrAWholeOne) {
  const Content expected = undisturbed("reference");
  const std::filesystem::path cache = test::build_cache(options(), 1);
  kill_often(
      cache, [&] { std::filesystem::remove_all(cache.parent_path()); },
      [&] { test::build_cache(options(), ranks); },
      [&] {
        const auto left = content_of(cache);
        EXPECT_TRUE(!left || same(*left, expected));
        test::build_cache(options(), ranks);
        ASSERT_TRUE(same(content_of(cache).value(), expected));
        EXPECT_FALSE(has_temporaries(cache));
      });
}

TEST_F(IngestKillTest, AKilledRebuildLeavesTheOldCacheOrTheNewOne) {
  const Content old = undisturbed("old");
  const std::filesystem::path cache = test::build_cache(options(), ranks);
  test::TinySet changed = small_set;
  changed.classes = 9;  // other labels, equal images: only a mixture would have both
  const auto prepare = [&] {
    write(small_set);
    test::build_cache(options(), ranks);
    write(changed);
  };
  write(changed);
  const Content fresh = undisturbed("changed");
  kill_often(
      cache, prepare, [&] { test::build_cache(options(), ranks); },
      [&] {
        const Content left = content_of(cache).value();
        EXPECT_TRUE(same(left, old) || same(left, fresh));
        test::build_cache(options(), ranks);
        ASSERT_TRUE(same(content_of(cache).value(), fresh));
        EXPECT_FALSE(has_temporaries(cache));
      });
}

TEST_F(IngestKillTest, AKilledAppendLeavesAllOrNothingOfIt) {
  const Content before = undisturbed("reference");
  const std::filesystem::path cache = test::build_cache(options(), 1);
  Content after = before;
  const uint64_t image_bytes = small_set.height * small_set.width;
  const test::Bytes pixels = test::test_images(0, grown_set.train, image_bytes);
  const test::Bytes labels = test::test_labels(grown_set.train, grown_set.classes);
  after[0].images.insert(after[0].images.end(),
                         pixels.begin() + static_cast<long>(small_set.train * image_bytes),
                         pixels.end());
  after[0].labels.insert(after[0].labels.end(), labels.begin() + small_set.train, labels.end());
  const auto append = [&] {
    IngestOptions appending = options();
    appending.append = "";
    test::build_cache(appending, ranks);
  };
  const auto prepare = [&] {
    std::filesystem::remove_all(cache.parent_path());
    write(small_set);
    test::build_cache(options(), 1);
    write(grown_set);
  };
  kill_often(cache, prepare, append, [&] {
    const Content left = content_of(cache).value();
    EXPECT_TRUE(same(left, before) || same(left, after));
    append();
    ASSERT_TRUE(same(content_of(cache).value(), after));
    EXPECT_FALSE(has_temporaries(cache));
  });
}

// Such a builder has finished its cache, which is then reused, not built.
TEST_F(IngestKillTest, ABuilderThatDiesWritingTheMemoLeavesNothing) {
  const std::filesystem::path cache = test::build_cache(options(), 1);
  const pid_t builder = start_child([&] {
    const TemporaryFile memo(cache / memo_file);
    _exit(0);  // as a signal would: nothing is cleaned up
  });
  waitpid(builder, nullptr, 0);
  ASSERT_TRUE(has_temporaries(cache));
  EXPECT_TRUE(Ingest(options()).decide().reuse);
  EXPECT_FALSE(has_temporaries(cache));
}

// What the child of the next test says by its exit code.
enum class DiskTest { passed = 0, failed = 1, impossible = 2 };

// A file system of `kib` in memory at `place`, seen by this process alone.
bool mount_small_disk(const std::filesystem::path& place, uint64_t kib) {
  const std::string size = "size=" + std::to_string(kib) + "k";
  return unshare(CLONE_NEWNS) == 0 && mount("none", "/", nullptr, MS_REC | MS_PRIVATE, "") == 0 &&
         mount("tmpfs", place.c_str(), "tmpfs", 0, size.c_str()) == 0;
}

// Ingests onto a disk of `kib`, then, with room made, once more.
DiskTest ingest_onto(uint64_t kib, const IngestOptions& options, const Content& expected) {
  const std::filesystem::path& disk = options.cache_dir;
  if (!mount_small_disk(disk, kib)) return DiskTest::impossible;
  const auto thrown = test::thrown_by([&] { test::build_cache(options, ranks); });
  EXPECT_EQ(thrown.code, ExitCode::io) << kib << " KiB: " << thrown.message;
  EXPECT_FALSE(thrown.mentions("\n"));
  for (const auto& entry : std::filesystem::recursive_directory_iterator(disk)) {
    const std::string name = entry.path().filename().string();
    EXPECT_FALSE(name.ends_with(".tmp") || name == manifest_file) << name;
  }
  if (mount("tmpfs", disk.c_str(), "tmpfs", MS_REMOUNT, "size=256m") != 0) {
    return DiskTest::impossible;
  }
  const auto content = content_of(test::build_cache(options, ranks));
  EXPECT_TRUE(content && same(*content, expected));
  return ::testing::Test::HasFailure() ? DiskTest::failed : DiskTest::passed;
}

TEST_F(IngestKillTest, AFullDiskIsAnIoErrorAndLeavesNothingHalf) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can mount a small disk";
  const Content expected = undisturbed("reference");
  std::filesystem::create_directories(options("disk").cache_dir);
  for (const uint64_t kib : {4, 64, 1024, 2048, 3000}) {
    std::fflush(nullptr);
    const pid_t child = fork();
    if (child == 0) {
      const DiskTest result = ingest_onto(kib, options("disk"), expected);
      std::fflush(nullptr);
      _exit(static_cast<int>(result));
    }
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_TRUE(WIFEXITED(status));
    const auto result = static_cast<DiskTest>(WEXITSTATUS(status));
    if (result == DiskTest::impossible) {
      GTEST_SKIP() << "cannot mount a small disk here: " << std::strerror(errno);
    }
    EXPECT_EQ(result, DiskTest::passed) << kib << " KiB";
  }
}

}  // namespace
}  // namespace podium::io
