#include "io/cache/append.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "core/random.hpp"
#include "io/data_files.hpp"
#include "io/temporary_cache.hpp"
#include "temporary_folder.hpp"

namespace podium::io {
namespace {

using test::read_split;
using test::thrown_by;

constexpr size_t image_bytes = 20;

class AppendTest : public ::testing::Test {
 protected:
  AppendTest() {
    write("data", 2000);
    path_ = test::build_cache(options(), 2);
  }

  // Records of a longer set begin with those of a shorter one.
  void write(const std::string& name, uint32_t train_records) {
    test::TinySet set;
    set.train = train_records;
    test::write_idx_folder(folder_.path() / name, set, true);
  }

  IngestOptions options() const {
    IngestOptions options;
    options.source = (folder_.path() / "data").string();
    options.cache_dir = folder_.path() / "cache";
    options.split_seed = 7;
    options.validation_records = 100;
    options.log = Log(LogLevel::error, "test");
    return options;
  }

  IngestOptions appending(const std::string& name = "") const {
    IngestOptions appended = options();
    appended.append = name.empty() ? "" : (folder_.path() / name).string();
    return appended;
  }

  Manifest manifest() const { return read_manifest(path_ / manifest_file); }

  test::TemporaryFolder folder_;
  std::filesystem::path path_;
};

TEST_F(AppendTest, AGrownSourceAddsItsNewRecordsAlone) {
  const auto before = read_split(Dataset::open(path_), Split::train);
  const auto validation = read_split(Dataset::open(path_), Split::validation);
  const Manifest old = manifest();
  write("data", 2700);
  EXPECT_EQ(test::build_cache(appending(), 3), path_);

  const Manifest found = manifest();
  EXPECT_EQ(found.generation, 1u);
  EXPECT_EQ(found.train_records, 2700u);
  EXPECT_EQ(found.digest, old.digest);
  EXPECT_EQ(found.mean, old.mean);
  for (const ShardEntry& shard : old.shards) {  // not written anew
    const auto same = std::ranges::find(found.shards, shard.file, &ShardEntry::file);
    ASSERT_NE(same, found.shards.end());
    EXPECT_EQ(same->xxh3, shard.xxh3);
  }
  const Dataset dataset = Dataset::open(path_);
  EXPECT_EQ(dataset.info().counts, (std::array<size_t, 3>{2600, 100, 300}));
  EXPECT_EQ(read_split(dataset, Split::validation).images, validation.images);
  auto expected = before.images;
  const test::Bytes all = test::test_images(0, 2700, image_bytes);
  expected.insert(expected.end(), all.begin() + 2000 * image_bytes, all.end());
  EXPECT_EQ(read_split(dataset, Split::train).images, expected);
}

TEST_F(AppendTest, AfterAnAppendTheCacheIsCurrentAndNothingIsLeftToAppend) {
  write("data", 2300);
  test::build_cache(appending(), 1);
  const Decision current = Ingest(options()).decide();
  EXPECT_TRUE(current.reuse) << current.reason;
  EXPECT_EQ(current.generation, 1u);
  EXPECT_EQ(current.records, 2600u);
  const Decision again = Ingest(appending()).decide();
  EXPECT_TRUE(again.reuse);
  EXPECT_EQ(again.appended, 0u);
  write("data", 2500);
  EXPECT_FALSE(Ingest(options()).decide().reuse);
  EXPECT_EQ(Ingest(appending()).decide().appended, 200u);
}

TEST_F(AppendTest, AnotherSourceIsTakenWholeAndOnce) {
  write("more", 500);
  test::build_cache(appending("more"), 2);
  EXPECT_EQ(manifest().train_records, 2500u);
  EXPECT_EQ(manifest().appends.front().records, 500u);
  EXPECT_TRUE(Ingest(options()).decide().reuse);  // the own source is as it was
  EXPECT_TRUE(Ingest(appending("more")).decide().reuse);
  EXPECT_EQ(manifest().generation, 1u);

  // The own source grows behind records of another: both keep their order.
  write("data", 2100);
  test::build_cache(appending(), 1);
  const auto train = read_split(Dataset::open(path_), Split::train);
  const test::Bytes more = test::test_images(0, 500, image_bytes);
  const test::Bytes own = test::test_images(0, 2100, image_bytes);
  EXPECT_TRUE(std::equal(more.begin(), more.end(), train.images.begin() + 1900 * image_bytes));
  EXPECT_TRUE(std::equal(own.begin() + 2000 * image_bytes, own.end(),
                         train.images.begin() + 2400 * image_bytes));
  write("data", 2150);
  EXPECT_EQ(Ingest(appending()).decide().appended, 50u);
}

TEST_F(AppendTest, RefusesASourceThatDidNotOnlyGrow) {
  write("data", 1900);
  EXPECT_EQ(thrown_by([&] { Ingest(appending()).decide(); }).code, ExitCode::bad_data);
  write("data", 2100);
  const auto labels = folder_.path() / "data" / "train-labels-idx1-ubyte.gz";
  test::Bytes content = test::test_labels(2100, 10);
  content[1500] ^= 1;
  test::write_bytes(labels, test::gzip(test::idx_bytes({2100}, content)));
  const auto thrown = thrown_by([&] { Ingest(appending()).decide(); });
  EXPECT_EQ(thrown.code, ExitCode::bad_data);
  EXPECT_TRUE(thrown.mentions("record 1500")) << thrown.message;
  EXPECT_EQ(manifest().generation, 0u);
}

TEST_F(AppendTest, RefusesOtherImagesOtherClassesAndAMissingCache) {
  IngestOptions other = options();
  other.append = "synthetic:100,6,6,1,3";
  EXPECT_EQ(thrown_by([&] { Ingest(other).decide(); }).code, ExitCode::bad_data);
  other.append = "synthetic:100,5,4,1,12";  // fits, but has more classes
  const auto thrown = thrown_by([&] { Ingest(other).decide(); });
  EXPECT_EQ(thrown.code, ExitCode::bad_data);
  EXPECT_TRUE(thrown.mentions("class '10'")) << thrown.message;
  other = appending();
  other.split_seed = 8;
  EXPECT_EQ(thrown_by([&] { Ingest(other).decide(); }).code, ExitCode::unavailable);
}

TEST_F(AppendTest, AReaderFromBeforeSeesWhatItOpened) {
  DatasetOptions from_disk;
  from_disk.memory_bytes = 0;
  Dataset reader = Dataset::open(path_, from_disk);
  const auto before = read_split(reader, Split::train);
  write("data", 2700);
  test::build_cache(appending(), 2);
  EXPECT_EQ(read_split(reader, Split::train).images, before.images);
  EXPECT_EQ(reader.newest_generation(), 1u);
  reader.use_generation(1);
  EXPECT_EQ(reader.size(Split::train), 2600u);
  EXPECT_EQ(read_split(reader, Split::train).images,
            read_split(Dataset::open(path_), Split::train).images);
  reader.use_generation(0);
  EXPECT_EQ(read_split(reader, Split::train).images, before.images);
}

TEST_F(AppendTest, AKilledAppendChangesNothing) {
  const auto before = read_split(Dataset::open(path_), Split::train);
  write("data", 4000);
  Random random(5);
  for (int i = 0; i < 10 && manifest().generation == 0; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      test::build_cache(appending(), 3);
      _exit(0);
    }
    usleep(static_cast<useconds_t>(random.below(6000)));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    const Dataset dataset = Dataset::open(path_);
    const size_t records = dataset.size(Split::train);
    EXPECT_TRUE(records == 1900 || records == 3900) << records;
    const auto found = read_split(dataset, Split::train);
    EXPECT_TRUE(std::equal(before.images.begin(), before.images.end(), found.images.begin()));
  }
  test::build_cache(appending(), 1);
  EXPECT_EQ(Dataset::open(path_).size(Split::train), 3900u);
}

}  // namespace
}  // namespace podium::io
