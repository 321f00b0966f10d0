#include "io/sources/held_out.hpp"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "io/data_files.hpp"

namespace podium::io {
namespace {

using test::thrown_by;

// Every record is in one part and once, and both parts ascend.
TEST(HeldOutTest, PartsCoverAllRecordsOnce) {
  for (uint64_t records = 0; records <= 300; ++records) {
    const HeldOut held_out(records);
    ASSERT_EQ(held_out.train_records() + held_out.test_records(), records);
    ASSERT_GE(held_out.test_records(), records / 10);
    ASSERT_LE(held_out.test_records(), records / 10 + 1);
    std::vector<bool> seen(records);
    for (const Part part : {Part::train, Part::test}) {
      const PartRecords of_part = PartRecords::of(held_out, part);
      for (uint64_t k = 0; k < of_part.count(); ++k) {
        const uint64_t stored = of_part.stored(k);
        ASSERT_LT(stored, records);
        ASSERT_FALSE(seen[stored]) << records << " " << stored;
        ASSERT_TRUE(k == 0 || of_part.stored(k - 1) < stored);
        seen[stored] = true;
      }
    }
    ASSERT_EQ(std::count(seen.begin(), seen.end(), false), 0) << records;
  }
}

TEST(HeldOutTest, OneOfEachRunIsHeldOutAtVaryingPlaces) {
  const HeldOut held_out(1000003);
  std::vector<uint64_t> counts(10);
  for (uint64_t k = 0; k < held_out.test_records(); ++k) {
    ASSERT_EQ(held_out.test_record(k) / 10, k);
    ++counts[held_out.test_record(k) % 10];
  }
  for (const uint64_t count : counts) EXPECT_NEAR(static_cast<double>(count), 10000.0, 500.0);
  EXPECT_EQ(held_out.train_record(held_out.train_records() - 1), 1000002u);
}

// A record's part does not depend on how many follow it: a source may grow.
TEST(HeldOutTest, MoreRecordsLeaveEarlierOnesWhereTheyAre) {
  const HeldOut large(70000);
  for (uint64_t records = 480; records <= 500; ++records) {
    const HeldOut small(records);
    for (uint64_t k = 0; k < small.test_records(); ++k) {
      EXPECT_EQ(small.test_record(k), large.test_record(k));
    }
    for (uint64_t k = 0; k < small.train_records(); ++k) {
      EXPECT_EQ(small.train_record(k), large.train_record(k));
    }
  }
}

TEST(HeldOutTest, TooFewRecordsAreRefusedUnlessAllAreWanted) {
  SourceOptions options;
  options.log = Log(LogLevel::error, "test");
  EXPECT_EQ(split_off_test(10, "here", options)[1].count(), 1u);
  const auto thrown = thrown_by([&] { split_off_test(9, "here", options); });
  EXPECT_EQ(thrown.code, ExitCode::bad_data);
  EXPECT_TRUE(thrown.mentions("9 records are too few")) << thrown.message;
  options.hold_out = false;
  EXPECT_EQ(split_off_test(9, "here", options)[0].count(), 9u);
  EXPECT_EQ(split_off_test(9, "here", options)[1].count(), 0u);
}

}  // namespace
}  // namespace podium::io
