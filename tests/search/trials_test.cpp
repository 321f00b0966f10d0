// Trials without a process: the tests play the children, whose crew is never started, so that what
// is sent to them goes nowhere. Which network a child has shows in what its answer decides.
#include "search/trials.hpp"

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "temporary_folder.hpp"

namespace podium::search {
namespace {

using What = CrewEvent::What;

constexpr const char* small = "dense 2; dense classes";
constexpr const char* middle = "dense 4; dense classes";
constexpr const char* large = "dense 8; dense classes";

class TrialsTest : public testing::Test {
 protected:
  // One controller, so that worker 1 is child 0.
  void begin(int children, int cores, double max_mflops = 0) {
    const std::string roles = "ps=1,controller=1,child=" + std::to_string(children);
    layout_.emplace(SearchLayout::plan(roles, {1, cores, 1}));
    std::vector<CrewMember> members;
    for (int worker = 0; worker < layout_->workers(); ++worker)
      members.push_back({worker, "", {}, false});
    crew_.emplace(std::move(members), std::chrono::seconds(60), log_);
    staff_.emplace(*layout_, *crew_, nullptr);
    memo_.emplace(file(), Json{{"seed", 1}}, log_);
    trials_.emplace(TrialLimits{{1, 4, 4}, 2, max_mflops}, *layout_, *staff_, *memo_, log_);
    for (int child = 0; child < children; ++child) tell(child, What::up);
  }

  void tell(int child, What what, const std::string& why = "") {
    trials_->on_child({.worker = 1 + child, .what = what, .life = 1, .message = {}, .why = why});
  }
  // Its first word about its network.
  void begin_training(int child) {
    CrewEvent event{.worker = 1 + child, .what = What::said, .life = 1, .message = {}, .why = {}};
    event.message = {{"trains", true}};
    trials_->on_child(event);
  }
  // The only child gets a network, begins with it and dies, and so does the next process.
  void die_twice_of(const std::string& architecture) {
    ask(0, architecture);
    for (int death = 0; death < 2; ++death) {
      tell(0, What::up);
      trials_->hand_out();
      begin_training(0);
      tell(0, What::died, "of it");
    }
  }
  void finish(int child, double reward, bool repeatable = true) {
    CrewEvent event{.worker = 1 + child, .what = What::said, .life = 1, .message = {}, .why = {}};
    event.message = {{"done", true},   {"reward", reward}, {"epochs", 2},
                     {"seconds", 0.5}, {"reason", ""},     {"repeatable", repeatable}};
    trials_->on_child(event);
  }
  void ask(size_t place, const std::string& architecture) {
    trials_->ask({0, 7, place}, architecture);
  }
  // The only one there is.
  Verdict verdict() {
    const std::vector<Verdict> verdicts = trials_->take_verdicts();
    EXPECT_EQ(verdicts.size(), 1u);
    return verdicts.size() == 1 ? verdicts.front() : Verdict();
  }
  bool has_work(int child) {
    try {
      finish(child, 0.5);
      return true;
    } catch (const Error&) {
      return false;  // nobody asked it
    }
  }
  std::filesystem::path file() const { return folder_.path() / "memo.jsonl"; }

  test::TemporaryFolder folder_;
  Log log_{LogLevel::error, "test"};
  std::optional<SearchLayout> layout_;
  std::optional<Crew> crew_;
  std::optional<Staff> staff_;
  std::optional<Memo> memo_;
  std::optional<Trials> trials_;
};

TEST_F(TrialsTest, ANetworkGetsItsRewardFromAChild) {
  begin(1, 1);
  ask(3, small);
  EXPECT_TRUE(trials_->take_verdicts().empty());
  trials_->hand_out();
  finish(0, 0.75);
  const Verdict one = verdict();
  EXPECT_EQ(one.ticket.batch, 7u);
  EXPECT_EQ(one.ticket.place, 3u);
  EXPECT_EQ(one.architecture, small);
  EXPECT_EQ(one.result.accuracy, 0.75);
  EXPECT_EQ(one.parameters, 16 * 2 + 2 + 2 * 2 + 2);
  EXPECT_GT(one.flops, 0);
  EXPECT_FALSE(one.reused);
}

TEST_F(TrialsTest, WhatTheMemoKnowsNeedsNoChild) {
  begin(1, 1);
  ask(0, small);
  trials_->hand_out();
  finish(0, 0.75);
  verdict();
  ask(1, small);
  const Verdict known = verdict();
  EXPECT_TRUE(known.reused);
  EXPECT_EQ(known.result.accuracy, 0.75);
  trials_->hand_out();
  EXPECT_FALSE(has_work(0));
}

TEST_F(TrialsTest, AnEqualNetworkUnderWayIsWaitedFor) {
  begin(2, 2);
  ask(0, small);
  trials_->hand_out();
  ask(1, small);
  trials_->hand_out();
  EXPECT_FALSE(has_work(1));
  finish(0, 0.25);
  const std::vector<Verdict> both = trials_->take_verdicts();
  ASSERT_EQ(both.size(), 2u);
  EXPECT_FALSE(both[0].reused);
  EXPECT_TRUE(both[1].reused);
  EXPECT_EQ(both[1].ticket.place, 1u);
  EXPECT_EQ(both[1].result.accuracy, 0.25);
}

TEST_F(TrialsTest, NetworksThatAreTooLargeOrNoneGetNothingAndAReason) {
  begin(1, 1, 150e-6);
  ask(0, large);
  const Verdict too_large = verdict();
  EXPECT_EQ(too_large.result.accuracy, 0);
  EXPECT_NE(too_large.result.reason.find("--search.max_mflops"), std::string::npos);
  EXPECT_GT(too_large.flops, 0);
  ask(1, "pool 5; dense classes");
  const Verdict no_network = verdict();
  EXPECT_EQ(no_network.result.accuracy, 0);
  EXPECT_NE(no_network.result.reason.find("pool"), std::string::npos) << no_network.result.reason;
  EXPECT_FALSE(no_network.reused);
  trials_->hand_out();
  EXPECT_FALSE(has_work(0));
  ask(2, small);
  trials_->hand_out();
  EXPECT_TRUE(has_work(0)) << "this one is small enough";
}

TEST_F(TrialsTest, ChildrenTakeTurnsForTheCores) {
  begin(3, 2);
  ask(0, small);
  ask(1, middle);
  ask(2, large);
  trials_->hand_out();
  EXPECT_FALSE(has_work(2)) << "there are two cores";
  finish(1, 0.5);
  EXPECT_EQ(verdict().architecture, middle);
  trials_->hand_out();
  EXPECT_FALSE(has_work(1)) << "it is the third one's turn";
  finish(2, 0.5);
  EXPECT_EQ(verdict().architecture, large);
  finish(0, 0.5);
  EXPECT_EQ(verdict().architecture, small);
}

TEST_F(TrialsTest, TheNetworkOfAChildThatDiesGoesToAnother) {
  begin(2, 1);
  ask(0, small);
  trials_->hand_out();
  tell(0, What::died, "of age");
  EXPECT_TRUE(trials_->take_verdicts().empty());
  trials_->hand_out();
  finish(1, 0.5);
  EXPECT_EQ(verdict().architecture, small);
  EXPECT_EQ(trials_->deaths(), 1);
  EXPECT_EQ(trials_->last_words(), "of age");
}

TEST_F(TrialsTest, ANetworkThatCostsTwoChildrenGetsNothing) {
  begin(2, 2);
  ask(0, small);
  trials_->hand_out();
  begin_training(0);
  tell(0, What::died, "of it");
  trials_->hand_out();
  begin_training(1);
  tell(1, What::died, "of it too");
  const Verdict one = verdict();
  EXPECT_EQ(one.result.accuracy, 0);
  EXPECT_EQ(one.result.reason, "2 children died of it, the last one was of it too");
  ask(1, small);
  EXPECT_TRUE(verdict().reused) << "and is not tried again in this job";
  EXPECT_EQ(Memo(file(), Json{{"seed", 1}}, log_).find(small), nullptr) << "but by the next one";
}

TEST_F(TrialsTest, AChildThatDiesBeforeItBeginsCostsNoNetwork) {
  begin(1, 1);
  ask(0, small);
  for (int death = 0; death < 4; ++death) {
    trials_->hand_out();
    tell(0, What::died, "at its start");
    tell(0, What::up);
  }
  EXPECT_TRUE(trials_->take_verdicts().empty());
  trials_->hand_out();
  finish(0, 0.5);
  EXPECT_EQ(verdict().result.accuracy, 0.5);
}

TEST_F(TrialsTest, ManyNetworksInARowThatKillAreNotTheNetworksFault) {
  begin(1, 1);
  for (int width = 1; width <= 19; ++width) {
    die_twice_of("dense " + std::to_string(width) + "; dense classes");
  }
  EXPECT_TRUE(trials_->any_child());
  ask(0, "dense 30; dense classes");
  tell(0, What::up);
  trials_->hand_out();
  finish(0, 0.5);  // after which a new row begins
  for (int width = 40; width <= 58; ++width) {
    die_twice_of("dense " + std::to_string(width) + "; dense classes");
  }
  EXPECT_TRUE(trials_->any_child());
  die_twice_of("dense 60; dense classes");
  EXPECT_FALSE(trials_->any_child());
  EXPECT_EQ(trials_->last_words(), "of it");
}

TEST_F(TrialsTest, AChildWithoutWorkCostsNoNetworkByItsDeath) {
  begin(2, 2);
  ask(0, small);
  trials_->hand_out();
  tell(1, What::died);
  tell(1, What::up);
  tell(1, What::died);
  EXPECT_TRUE(trials_->take_verdicts().empty());
  finish(0, 0.5);
  EXPECT_EQ(verdict().result.accuracy, 0.5);
}

TEST_F(TrialsTest, WhoIsGoneGetsNoWorkUntilItIsUpAgain) {
  begin(1, 1);
  tell(0, What::died);
  ask(0, small);
  trials_->hand_out();
  EXPECT_FALSE(has_work(0));
  tell(0, What::up);
  trials_->hand_out();
  EXPECT_TRUE(has_work(0));
}

TEST_F(TrialsTest, ThereAreChildrenUntilAllAreDown) {
  begin(2, 2);
  tell(0, What::down);
  tell(1, What::died);
  EXPECT_TRUE(trials_->any_child());
  tell(1, What::down, "killed by signal 9");
  EXPECT_FALSE(trials_->any_child());
  EXPECT_EQ(trials_->last_words(), "killed by signal 9");
}

}  // namespace
}  // namespace podium::search
