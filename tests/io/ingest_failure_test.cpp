// Ingest when something is wrong: with the cache, the source, the disk, or the builder beside it.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "core/random.hpp"
#include "io/cache/ingest.hpp"
#include "io/cache/manifest.hpp"
#include "io/data_files.hpp"
#include "io/ingest_fixture.hpp"
#include "io/limited_child.hpp"
#include "io/loader/dataset.hpp"
#include "io/temporary_cache.hpp"

namespace podium::io {
namespace {

using test::Bytes;
using test::read_split;
using test::thrown_by;

using IngestFailureTest = IngestTest;

TEST_F(IngestFailureTest, FlippedBitsNeverPassAndLeadToARebuild) {
  const auto path = test::build_cache(options(), 2);
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    if (entry.path().extension() == ".h5") files.push_back(entry.path());
  }
  ASSERT_EQ(files.size(), 5u);
  Random random(3);
  for (int i = 0; i < 100; ++i) {
    const auto& file = files[static_cast<size_t>(i) % files.size()];
    const uint64_t byte = random.below(std::filesystem::file_size(file));
    const int bit = static_cast<int>(random.below(8));
    test::flip_bit(file, byte, bit);
    const auto thrown = thrown_by([&] { Dataset::open(path); });
    EXPECT_EQ(thrown.code, ExitCode::bad_data) << file << " byte " << byte;
    EXPECT_TRUE(thrown.mentions(file.filename().string())) << thrown.message;
    const Decision decision = Ingest(options()).decide();
    EXPECT_FALSE(decision.reuse);
    EXPECT_NE(decision.reason.find("cannot be used"), std::string::npos);
    test::flip_bit(file, byte, bit);
  }
  EXPECT_EQ(Dataset::open(path).size(Split::train), 2100u);
}

TEST_F(IngestFailureTest, MissingShardAndMissingCacheAreNamed) {
  const auto path = test::build_cache(options(), 2);
  const std::string lost = read_manifest(path / manifest_file).shards[1].file;
  std::filesystem::remove(path / lost);
  const auto shard = thrown_by([&] { Dataset::open(path); });
  EXPECT_EQ(shard.code, ExitCode::io);
  EXPECT_TRUE(shard.mentions(lost));
  EXPECT_FALSE(Ingest(options()).decide().reuse);
  std::filesystem::remove(path / "manifest.h5");
  const auto cache = thrown_by([&] { Dataset::open(path); });
  EXPECT_EQ(cache.code, ExitCode::unavailable);
  EXPECT_TRUE(cache.mentions("podium ingest"));
}

TEST_F(IngestFailureTest, HalfBuiltCacheIsNoCache) {
  Ingest ingest(options());
  const Decision decision = ingest.decide();
  const ShardReport first = ingest.write_part(*decision.plan, 0, 2);
  EXPECT_EQ(thrown_by([&] { Dataset::open(decision.path); }).code, ExitCode::unavailable);
  EXPECT_EQ(thrown_by([&] { ingest.finish({first}); }).code, ExitCode::internal);
  EXPECT_EQ(thrown_by([&] { Dataset::open(decision.path); }).code, ExitCode::unavailable);
  ingest.finish({ingest.write_part(*decision.plan, 1, 2), first});
  EXPECT_EQ(Dataset::open(decision.path).size(Split::train), 2100u);
}

TEST_F(IngestFailureTest, ASourceThatChangesWhileItIsReadIsRefused) {
  Ingest ingest(options());
  const Decision decision = ingest.decide();
  const ShardReport first = ingest.write_part(*decision.plan, 0, 2);
  Bytes labels = test::test_labels(2500, 10);
  labels[2000] ^= 1;
  test::write_bytes(folder_.path() / "data" / "train-labels-idx1-ubyte.gz",
                    test::gzip(test::idx_bytes({2500}, labels)));
  const ShardReport second = ingest.write_part(*decision.plan, 1, 2);
  const auto thrown = thrown_by([&] { ingest.finish({first, second}); });
  EXPECT_EQ(thrown.code, ExitCode::bad_data);
  EXPECT_TRUE(thrown.mentions("changed while it was read")) << thrown.message;
  EXPECT_EQ(thrown_by([&] { Dataset::open(decision.path); }).code, ExitCode::unavailable);
}

TEST_F(IngestFailureTest, WhatAFailedBuildLeftIsRemovedBeforeTheNextWrites) {
  std::filesystem::path folder;
  {
    Ingest ingest(options());
    const Decision decision = ingest.decide();
    folder = decision.path;
    ingest.write_part(*decision.plan, 0, 1);  // and never finished
  }
  const auto shards = [&] {
    std::set<std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      if (entry.path().extension() == ".h5") files.insert(entry.path().filename().string());
    }
    return files;
  };
  EXPECT_EQ(shards().size(), 2u);
  EXPECT_FALSE(Ingest(options()).decide().reuse);
  EXPECT_EQ(shards().size(), 0u);
}

TEST_F(IngestFailureTest, APipeInPlaceOfAShardIsRefusedAtOnce) {
  const auto path = test::build_cache(options(), 1);
  const auto shard = path / read_manifest(path / manifest_file).shards[0].file;
  std::filesystem::remove(shard);
  ASSERT_EQ(mkfifo(shard.c_str(), 0600), 0);
  EXPECT_EQ(thrown_by([&] { Dataset::open(path); }).code, ExitCode::bad_data);
  EXPECT_FALSE(Ingest(options()).decide().reuse);
}

TEST_F(IngestFailureTest, DamagedSourceLeavesNoCache) {
  const auto images = folder_.path() / "data" / "train-images-idx3-ubyte.gz";
  const Bytes whole = test::read_bytes(images);
  for (const double share : {0.3, 0.7, 0.99}) {
    const auto size = static_cast<long>(share * static_cast<double>(whole.size()));
    test::write_bytes(images, {whole.begin(), whole.begin() + size});
    const auto thrown = thrown_by([&] { test::build_cache(options(), 2); });
    EXPECT_EQ(thrown.code, ExitCode::bad_data);
    EXPECT_TRUE(thrown.mentions(images.string()));
  }
  for (const auto& entry : std::filesystem::recursive_directory_iterator(options().cache_dir)) {
    EXPECT_FALSE(entry.path().filename().string().starts_with('.')) << entry.path();
    EXPECT_NE(entry.path().filename(), "manifest.h5");
  }
}

TEST_F(IngestFailureTest, TooManyValidationRecordsAreAUsageError) {
  IngestOptions greedy = options();
  greedy.validation_records = 2500;
  EXPECT_EQ(thrown_by([&] { Ingest(greedy).decide(); }).code, ExitCode::usage);
}

TEST_F(IngestFailureTest, FullDiskIsAnIoErrorAndLeavesNoCache) {
  for (const uint64_t limit : {0, 600, 20000, 1060000}) {
    const int code = test::run_with_file_limit(limit, [&] { test::build_cache(options(), 1); });
    EXPECT_EQ(code, static_cast<int>(ExitCode::io)) << limit;
    EXPECT_FALSE(Ingest(options()).decide().reuse);
  }
  EXPECT_EQ(Dataset::open(test::build_cache(options(), 1)).size(Split::test), 300u);
}

TEST_F(IngestFailureTest, FileInPlaceOfTheCacheFolderIsAnIoError) {
  test::write_bytes(folder_.path() / "cache", {'x'});
  const auto thrown = thrown_by([&] { Ingest(options()).decide(); });
  EXPECT_EQ(thrown.code, ExitCode::io);
  EXPECT_TRUE(thrown.mentions((folder_.path() / "cache").string()));
}

// Of several processes that need one cache, exactly one builds it; the others wait and reuse it.
TEST_F(IngestFailureTest, ConcurrentJobsBuildOnce) {
  constexpr int built = 1;
  constexpr int reused = 2;
  std::vector<pid_t> children;
  for (int i = 0; i < 4; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      Ingest ingest(options());
      const Decision decision = ingest.decide();
      if (decision.reuse) _exit(reused);
      ingest.finish({ingest.write_part(*decision.plan, 0, 1)});
      _exit(built);
    }
    children.push_back(child);
  }
  std::multiset<int> results;
  for (const pid_t child : children) {
    int status = 0;
    waitpid(child, &status, 0);
    results.insert(WEXITSTATUS(status));
  }
  EXPECT_EQ(results, (std::multiset<int>{built, reused, reused, reused}));
  EXPECT_TRUE(Ingest(options()).decide().reuse);
}

TEST_F(IngestFailureTest, KilledBuilderNeverLeavesAWrongCache) {
  Random random(11);
  for (int i = 0; i < 20; ++i) {
    IngestOptions forced = options();
    forced.memo.mode = MemoMode::never;
    const pid_t child = fork();
    if (child == 0) {
      for (;;) test::build_cache(forced, 1 + random.below(3));
    }
    usleep(static_cast<useconds_t>(random.below(30000)));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    Ingest ingest(options());
    const Decision decision = ingest.decide();
    if (!decision.reuse) ingest.finish({ingest.write_part(*decision.plan, 0, 1)});
    EXPECT_EQ(read_split(Dataset::open(decision.path), Split::test).images,
              test::test_images(1, set_.test, 20));
  }
}

}  // namespace
}  // namespace podium::io
