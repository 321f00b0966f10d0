// Warnings of many ranks, told once.
#include "core/warning_book.hpp"

#include <gtest/gtest.h>

namespace podium {
namespace {

using namespace std::chrono_literals;

constexpr WarningBook::Instant start{};

TEST(WarningBook, CountsEqualOnesAndNamesTheirRanks) {
  WarningBook book;
  for (const int rank : {1, 3, 2}) {
    book.add(rank, "rank " + std::to_string(rank) + " train", "slow disk", start);
  }
  book.add(0, "rank 0 serve", "another", start + 1ms);
  EXPECT_TRUE(book.take_due(start + 100ms).empty()) << "others may say the same";
  const auto due = book.take_due(start + 1s);
  ASSERT_EQ(due.size(), 2U);
  EXPECT_EQ(due[0].speaker, "ranks 1-3 train");
  EXPECT_EQ(due[0].text, "slow disk (3 times)");
  EXPECT_EQ(due[1].speaker, "rank 0 serve");
  EXPECT_EQ(due[1].text, "another");
}

TEST(WarningBook, NamesTheRanksOfEachRole) {
  WarningBook book;
  book.add(1, "rank 1 train", "x", start);
  book.add(2, "rank 2 train", "x", start);
  book.add(3, "rank 3 ckpt", "x", start);
  book.add(5, "rank 5", "x", start);
  const auto all = book.take_all();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].speaker, "ranks 5, 3 ckpt, 1-2 train");
}

TEST(WarningBook, ARankThatRepeatsItselfIsCountedAndToldSeldom) {
  WarningBook book;
  book.add(1, "rank 1", "again", start);
  EXPECT_EQ(book.take_due(start + 1s).size(), 1U);
  for (int i = 0; i < 5; ++i) book.add(1, "rank 1", "again", start + 2s);
  EXPECT_TRUE(book.take_due(start + 10s).empty());
  const auto due = book.take_due(start + 40s);
  ASSERT_EQ(due.size(), 1U);
  EXPECT_EQ(due[0].speaker, "rank 1");
  EXPECT_EQ(due[0].text, "again (5 times)");
  EXPECT_TRUE(book.take_due(start + 100s).empty());
  book.add(1, "rank 1", "again", start + 100s);
  EXPECT_EQ(book.take_due(start + 101s).size(), 1U) << "it was quiet for long";
}

TEST(WarningBook, RangesAreShort) {
  EXPECT_EQ(ranges_of({1, 2, 3, 5, 7, 8}), "1-3,5,7-8");
  EXPECT_EQ(ranges_of({4}), "4");
  EXPECT_EQ(ranges_of({}), "");
}

}  // namespace
}  // namespace podium
