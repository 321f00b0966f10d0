#include "io/cache/memo.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/hash.hpp"
#include "io/cache/manifest.hpp"
#include "io/data_files.hpp"
#include "io/files/atomic_file.hpp"
#include "io/temporary_cache.hpp"
#include "temporary_folder.hpp"

namespace podium::io {
namespace {

using test::thrown_by;

constexpr uint64_t digest = 0x1234;
constexpr std::chrono::hours day(24);

Manifest cached() {
  Manifest manifest;
  manifest.source_digest = to_hex(digest);
  manifest.source_records = 1000;
  manifest.updated = manifest.built = "2026-01-31T12:00:00Z";
  return manifest;
}

// A source whose content nobody may read unless the test says so.
MemoSource unread(uint64_t records) {
  return {[]() -> uint64_t {
            ADD_FAILURE() << "the content was read";
            return 0;
          },
          [records] { return records; }};
}

MemoVerdict judge_age(uint64_t records, std::chrono::seconds age) {
  MemoRules rules;
  rules.mode = MemoMode::age;
  return judge(rules, cached(), unread(records), from_utc_text(cached().updated) + age);
}

TEST(Memo, TimesSurviveText) {
  for (const char* text :
       {"1970-01-01T00:00:00Z", "2026-02-28T23:59:59Z", "2038-01-20T03:14:08Z"}) {
    EXPECT_EQ(to_utc_text(from_utc_text(text)), text);
  }
  EXPECT_EQ(from_utc_text("2026-03-01T00:00:00Z") - from_utc_text("2026-02-28T00:00:00Z"), day);
  EXPECT_EQ(thrown_by([] { from_utc_text("yesterday"); }).code, ExitCode::bad_data);
}

TEST(Memo, ContentAsksForTheSameDigest) {
  const MemoRules rules;
  const auto of = [&](uint64_t value) {
    return judge(rules, cached(), {[value] { return value; }, [] { return uint64_t{5}; }}, {});
  };
  EXPECT_TRUE(of(digest).reuse);
  EXPECT_FALSE(of(digest + 1).reuse);
  EXPECT_NE(of(digest + 1).reason.find(to_hex(digest + 1)), std::string::npos);
}

// The rule: younger than 30 days, and the record count within 10 %.
TEST(Memo, AgeHoldsToItsLimitsWithoutReadingTheContent) {
  EXPECT_TRUE(judge_age(1000, day).reuse);
  EXPECT_TRUE(judge_age(1100, 30 * day).reuse);
  EXPECT_TRUE(judge_age(900, std::chrono::seconds(0)).reuse);
  EXPECT_FALSE(judge_age(1101, day).reuse);
  EXPECT_FALSE(judge_age(899, day).reuse);
  EXPECT_FALSE(judge_age(1000, 30 * day + std::chrono::seconds(1)).reuse);
  EXPECT_FALSE(judge_age(1000, -day).reuse);
  EXPECT_NE(judge_age(1200, day).reason.find("20.0 %"), std::string::npos);
  EXPECT_NE(judge_age(1000, 31 * day).reason.find("31.0 days"), std::string::npos);
}

TEST(Memo, AlwaysAndNeverAskNothing) {
  MemoRules rules;
  rules.mode = MemoMode::always;
  EXPECT_TRUE(judge(rules, cached(), unread(1), {}).reuse);
  rules.mode = MemoMode::never;
  EXPECT_FALSE(judge(rules, cached(), unread(1), {}).reuse);
  EXPECT_EQ(parse_memo_mode("age"), MemoMode::age);
  EXPECT_EQ(thrown_by([] { parse_memo_mode("sometimes"); }).code, ExitCode::usage);
}

class MemoCacheTest : public ::testing::Test {
 protected:
  MemoCacheTest() { write(2000); }

  void write(uint32_t train_records) {
    test::TinySet set;
    set.train = train_records;
    test::write_idx_folder(folder_.path() / "data", set, true);
  }

  IngestOptions options(MemoMode mode) const {
    IngestOptions options;
    options.source = (folder_.path() / "data").string();
    options.cache_dir = folder_.path() / "cache";
    options.validation_records = 100;
    options.memo.mode = mode;
    options.log = Log(LogLevel::error, "test");
    return options;
  }

  nlohmann::json memo(const std::filesystem::path& cache) const {
    return nlohmann::json::parse(read_text_file(cache / memo_file));
  }

  test::TemporaryFolder folder_;
};

TEST_F(MemoCacheTest, OneChangedRecordRebuildsByContentAndNotByAge) {
  const auto path = test::build_cache(options(MemoMode::content), 2);
  EXPECT_TRUE(Ingest(options(MemoMode::content)).decide().reuse);
  const auto labels = folder_.path() / "data" / "train-labels-idx1-ubyte.gz";
  test::Bytes content = test::test_labels(2000, 10);
  content[1234] ^= 1;
  test::write_bytes(labels, test::gzip(test::idx_bytes({2000}, content)));
  EXPECT_TRUE(Ingest(options(MemoMode::age)).decide().reuse);
  EXPECT_TRUE(Ingest(options(MemoMode::always)).decide().reuse);
  const Decision decision = Ingest(options(MemoMode::content)).decide();
  EXPECT_FALSE(decision.reuse);
  EXPECT_EQ(decision.path, path);
  test::build_cache(options(MemoMode::content), 1);
  EXPECT_TRUE(Ingest(options(MemoMode::content)).decide().reuse);
}

TEST_F(MemoCacheTest, AgeRebuildsAfterTooMuchGrowth) {
  test::build_cache(options(MemoMode::age), 1);
  write(2200);
  EXPECT_TRUE(Ingest(options(MemoMode::age)).decide().reuse);
  write(2400);
  EXPECT_FALSE(Ingest(options(MemoMode::age)).decide().reuse);
}

TEST_F(MemoCacheTest, AlwaysNeedsNoSource) {
  const auto path = test::build_cache(options(MemoMode::content), 1);
  std::filesystem::remove_all(folder_.path() / "data");
  const Decision decision = Ingest(options(MemoMode::always)).decide();
  EXPECT_TRUE(decision.reuse);
  EXPECT_EQ(decision.path, path);
  EXPECT_EQ(decision.records, 2300u);
}

TEST_F(MemoCacheTest, ThePlaceDoesNotDependOnItsSpelling) {
  const auto path = test::build_cache(options(MemoMode::content), 1);
  std::filesystem::create_directory(folder_.path() / "x");
  IngestOptions other = options(MemoMode::content);
  for (const std::string& text : {other.source + "/", "file://" + other.source,
                                  (folder_.path() / "x" / ".." / "data").string()}) {
    other.source = text;
    const Decision decision = Ingest(other).decide();
    EXPECT_EQ(decision.path, path) << text;
    EXPECT_TRUE(decision.reuse) << text;
  }
}

TEST_F(MemoCacheTest, TheDecisionIsStoredWithItsReason) {
  const auto path = test::build_cache(options(MemoMode::content), 1);
  EXPECT_EQ(memo(path)["decision"]["reused"], false);
  EXPECT_EQ(memo(path)["records"], 2300);
  const Decision decision = Ingest(options(MemoMode::age)).decide();
  EXPECT_TRUE(decision.reuse);
  const nlohmann::json stored = memo(path);
  EXPECT_EQ(stored["decision"]["mode"], "age");
  EXPECT_EQ(stored["decision"]["reused"], true);
  EXPECT_NE(decision.reason.find(stored["decision"]["reason"].get<std::string>()),
            std::string::npos);
  EXPECT_EQ(stored["location"], std::filesystem::canonical(folder_.path() / "data").string());
  EXPECT_EQ(stored["digest"], read_manifest(path / manifest_file).source_digest);
  EXPECT_EQ(stored["last_update"], read_manifest(path / manifest_file).updated);
}

TEST_F(MemoCacheTest, TransformsMakeAnotherCache) {
  const auto plain = test::build_cache(options(MemoMode::content), 1);
  IngestOptions other = options(MemoMode::content);
  other.transform = Transform::parse("pad 2");
  const auto padded = test::build_cache(other, 2);
  EXPECT_NE(plain, padded);
  EXPECT_EQ(Dataset::open(padded).info().height, Dataset::open(plain).info().height + 4);
  EXPECT_NE(Dataset::open(padded).info().digest, Dataset::open(plain).info().digest);
  EXPECT_TRUE(Ingest(other).decide().reuse);
}

TEST_F(MemoCacheTest, AReadOnlyCacheFolderIsReused) {
  const auto path = test::build_cache(options(MemoMode::content), 1);
  std::filesystem::permissions(
      path, std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
  EXPECT_TRUE(Ingest(options(MemoMode::content)).decide().reuse);
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
}

}  // namespace
}  // namespace podium::io
