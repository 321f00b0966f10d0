// The judgement on new versions: what rolls them back, what promotes them, and whom they serve.
#include "serve/replica/canary.hpp"

#include <gtest/gtest.h>

namespace podium::serve::test {
namespace {

using Verdict = Canary::Verdict;
using namespace std::chrono_literals;

constexpr CanaryOptions options{.share = 0.1, .time = 30s, .requests = 100};

void answer(Canary* canary, bool on_trial, int count, int status = 200, double milliseconds = 1) {
  for (int i = 0; i < count; ++i) canary->answered(on_trial, status, milliseconds);
}

TEST(Canary, ServesItsShareOfTheClientsAndAlwaysTheSame) {
  const Canary canary(options, 7);
  int served = 0;
  for (uint64_t key = 0; key < 10'000; ++key) {
    served += canary.serves(key);
    EXPECT_EQ(canary.serves(key), Canary(options, 7).serves(key));
  }
  EXPECT_NEAR(served, 1000, 120);
}

TEST(Canary, AnotherVersionServesOthers) {
  const Canary one(options, 7);
  const Canary other(options, 8);
  int both = 0;
  for (uint64_t key = 0; key < 10'000; ++key) both += one.serves(key) && other.serves(key);
  EXPECT_NEAR(both, 100, 50);
}

TEST(Canary, EnoughGoodAnswersPromote) {
  Canary canary(options, 7);
  answer(&canary, false, 900);
  answer(&canary, true, 99);
  EXPECT_EQ(canary.verdict(1s), Verdict::on_trial);
  answer(&canary, true, 1);
  EXPECT_EQ(canary.verdict(1s), Verdict::promoted);
  EXPECT_EQ(canary.objection(), "");
}

TEST(Canary, TheEndOfItsTimePromotes) {
  Canary canary(options, 7);
  EXPECT_EQ(canary.verdict(29'999ms), Verdict::on_trial);
  EXPECT_EQ(canary.verdict(30s), Verdict::promoted);
}

TEST(Canary, ASecondErrorRollsBackAtOnce) {
  Canary canary(options, 7);
  answer(&canary, false, 50);
  answer(&canary, true, 10);
  answer(&canary, true, 1, 500);
  EXPECT_EQ(canary.verdict(1s), Verdict::on_trial);
  answer(&canary, true, 1, 504);
  EXPECT_EQ(canary.verdict(1s), Verdict::rolled_back);
  EXPECT_EQ(canary.objection(), "2 of its 12 answers were errors, of the old version's 0 of 50");
}

TEST(Canary, OneErrorOfFewRollsBackAtTheEnd) {
  Canary canary(options, 7);
  answer(&canary, true, 10);
  answer(&canary, true, 1, 500);
  EXPECT_EQ(canary.verdict(29s), Verdict::on_trial);
  EXPECT_EQ(canary.verdict(30s), Verdict::rolled_back);
}

TEST(Canary, ErrorsThatTheOldVersionHasTooAreNotItsFault) {
  Canary canary(options, 7);
  answer(&canary, false, 90);
  answer(&canary, false, 10, 500);
  answer(&canary, true, 90);
  answer(&canary, true, 10, 500);
  EXPECT_EQ(canary.verdict(1s), Verdict::promoted);
}

TEST(Canary, MistakesOfClientsAreNotItsFault) {
  Canary canary(options, 7);
  answer(&canary, true, 100, 400);
  EXPECT_EQ(canary.verdict(1s), Verdict::promoted);
}

TEST(Canary, FarLongerAnswersRollBack) {
  Canary canary(options, 7);
  answer(&canary, false, 20, 200, 1);
  answer(&canary, true, 19, 200, 10);
  EXPECT_EQ(canary.verdict(1s), Verdict::on_trial) << "too few to compare";
  answer(&canary, true, 1, 200, 10);
  EXPECT_EQ(canary.verdict(1s), Verdict::rolled_back);
  EXPECT_NE(canary.objection().find("half of its answers took"), std::string::npos);
}

TEST(Canary, SomewhatLongerAnswersAreNoObjection) {
  Canary canary(options, 7);
  answer(&canary, false, 100, 200, 1);
  answer(&canary, true, 100, 200, 3.5);
  EXPECT_EQ(canary.verdict(1s), Verdict::promoted);
  Canary quick(options, 8);
  answer(&quick, false, 100, 200, 0.05);
  answer(&quick, true, 100, 200, 1);
  EXPECT_EQ(quick.verdict(1s), Verdict::promoted) << "20 times, but by less than a millisecond";
}

}  // namespace
}  // namespace podium::serve::test
