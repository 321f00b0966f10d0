// What follows from a confusion matrix, against numbers worked out by hand.
#include "train/confusion.hpp"

#include <gtest/gtest.h>

#include <atomic>

#include "train/training_fixture.hpp"

namespace podium {
namespace {

using train::Confusion;

// Three classes of 10, 5 and 0 records; class 2 is predicted twice all the same.
//            taken for 0  1  2
// class 0              7  2  1
// class 1              1  3  1
// class 2              0  0  0
Confusion by_hand() {
  Confusion confusion(3);
  for (const auto& [truth, predicted, records] :
       {std::tuple{0, 0, 7}, {0, 1, 2}, {0, 2, 1}, {1, 0, 1}, {1, 1, 3}, {1, 2, 1}}) {
    for (int i = 0; i < records; ++i) {
      confusion.add(static_cast<size_t>(truth), static_cast<size_t>(predicted));
    }
  }
  return confusion;
}

TEST(Confusion, CountsAndAccuracy) {
  const Confusion confusion = by_hand();
  EXPECT_EQ(confusion.records(), 15U);
  EXPECT_EQ(confusion.correct(), 10U);
  EXPECT_DOUBLE_EQ(confusion.accuracy(), 10.0 / 15.0);
  EXPECT_EQ(confusion.count(0, 1), 2U) << "rows are the truth";
  EXPECT_EQ(confusion.count(1, 0), 1U);
  EXPECT_EQ(Confusion(4).accuracy(), 0.0);
}

TEST(Confusion, ScoresPerClass) {
  const train::ClassScores first = by_hand().scores(0);
  EXPECT_DOUBLE_EQ(first.precision.value(), 7.0 / 8.0);
  EXPECT_DOUBLE_EQ(first.recall.value(), 7.0 / 10.0);
  EXPECT_DOUBLE_EQ(first.f1.value(), 2 * (7.0 / 8.0) * 0.7 / (7.0 / 8.0 + 0.7));
  EXPECT_EQ(first.support, 10U);
  const train::ClassScores second = by_hand().scores(1);
  EXPECT_DOUBLE_EQ(second.precision.value(), 3.0 / 5.0);
  EXPECT_DOUBLE_EQ(second.recall.value(), 3.0 / 5.0);
  EXPECT_DOUBLE_EQ(second.f1.value(), 0.6);
}

TEST(Confusion, WhatHasNoDenominatorIsEmpty) {
  const train::ClassScores absent = by_hand().scores(2);  // predicted, but without records
  EXPECT_EQ(absent.precision.value(), 0.0);
  EXPECT_FALSE(absent.recall.has_value());
  EXPECT_EQ(absent.f1.value(), 0.0);
  const train::ClassScores nothing = Confusion(2).scores(1);
  EXPECT_FALSE(nothing.precision || nothing.recall || nothing.f1);
}

TEST(Confusion, MeanF1IsOverTheClassesThatHaveRecords) {
  const double first = 2 * 7.0 / (10 + 8);
  EXPECT_DOUBLE_EQ(by_hand().macro_f1().value(), (first + 0.6) / 2);
  EXPECT_FALSE(Confusion(3).macro_f1().has_value());
}

TEST(Confusion, TheSumOverRanksIsExact) {
  for (const int ranks : {1, 3, 4}) {
    std::atomic<int> right{0};
    test::on_ranks(ranks, [&](comm::Communicator& group) {
      Confusion confusion(2);
      const auto rank = static_cast<uint64_t>(group.rank());
      confusion.add(0, 1, (uint64_t{1} << 40) + rank);
      confusion.add(1, 1, rank);
      confusion.sum_over(group);
      const auto world = static_cast<uint64_t>(ranks);
      const uint64_t numbers = world * (world - 1) / 2;
      if (confusion.count(0, 1) == (world << 40) + numbers && confusion.count(1, 1) == numbers) {
        ++right;
      }
    });
    EXPECT_EQ(right, ranks);
  }
}

TEST(Confusion, TheFirstOfEqualsIsPredicted) {
  EXPECT_EQ(train::most_probable(std::vector<float>{0.1F, 0.4F, 0.4F, 0.1F}), 1U);
}

}  // namespace
}  // namespace podium
