#include "search/ledger.hpp"

#include <gtest/gtest.h>

namespace podium::search {
namespace {

Sampled sampled(double reward, bool reused = false) {
  Sampled one;
  one.architecture = "dense " + std::to_string(reward);
  one.reward = reward;
  one.seconds = 1;
  one.reused = reused;
  return one;
}

TEST(LedgerTest, TheTailIsTheLastFifth) {
  Ledger ledger;
  EXPECT_EQ(ledger.tail_mean(), 0);
  for (int i = 1; i <= 11; ++i) ledger.add(sampled(i / 16.0));
  EXPECT_DOUBLE_EQ(ledger.tail_mean(), 10 / 16.0) << "of 11 samples the last 3";
  EXPECT_DOUBLE_EQ(ledger.mean(), 6 / 16.0);
  EXPECT_EQ(ledger.best().reward, 11 / 16.0);
}

TEST(LedgerTest, KnownNetworksAreNoNewOnes) {
  Ledger ledger;
  ledger.add(sampled(0.5));
  ledger.add(sampled(0.5, true));
  ledger.add(sampled(0, true));
  EXPECT_EQ(ledger.samples(), 3u);
  EXPECT_EQ(ledger.trained(), 1u);
  EXPECT_EQ(ledger.zeros(), 1u);
  EXPECT_EQ(ledger.since_trained(), 2u);
  ledger.add(sampled(0.25));
  EXPECT_EQ(ledger.since_trained(), 0u);
  EXPECT_EQ(ledger.best().reward, 0.5);
}

// Networks are told apart by their text; choices that make none, by what is wrong with them.
TEST(LedgerTest, ANetworkIsNewsOnce) {
  Ledger ledger;
  EXPECT_TRUE(ledger.add(sampled(0.5)));
  EXPECT_FALSE(ledger.add(sampled(0.5, true)));
  EXPECT_TRUE(ledger.add(sampled(0.25, true))) << "from the memo of an earlier search";
  Sampled none;
  none.reason = "too small";
  EXPECT_TRUE(ledger.add(none));
  EXPECT_FALSE(ledger.add(none));
  Ledger other;
  other.resume(Json::parse(ledger.state().dump()));
  EXPECT_FALSE(other.add(sampled(0.25)));
}

TEST(LedgerTest, ItsStateIsAllOfIt) {
  Ledger ledger;
  for (const double reward : {0.25, 0.75, 0.0, 0.5}) ledger.add(sampled(reward));
  Ledger other;
  other.resume(Json::parse(ledger.state().dump()));
  EXPECT_EQ(other.state(), ledger.state());
  EXPECT_EQ(other.best().architecture, ledger.best().architecture);
  other.add(sampled(1));
  EXPECT_EQ(other.samples(), 5u);
  EXPECT_EQ(other.best().reward, 1);
}

}  // namespace
}  // namespace podium::search
