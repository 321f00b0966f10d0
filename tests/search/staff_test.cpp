// Staff over two ranks, each a thread with real worker processes: what is meant for a worker
// reaches that one, and what becomes of it is heard, wherever it runs.
#include "search/staff.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <thread>

#include "comm/inproc/inproc_world.hpp"
#include "core/obedient_worker.hpp"

namespace podium::search {
namespace {

using namespace std::chrono_literals;
using What = CrewEvent::What;

constexpr auto limit = 30s;  // of a test's waits

std::vector<CrewMember> members_of(const SearchLayout& layout, int rank) {
  std::vector<CrewMember> members;
  for (const int worker : layout.workers_of(rank)) {
    members.push_back({worker, "worker " + std::to_string(worker), test::obedient_command(),
                       !layout.is_controller(worker)});
  }
  return members;
}

// Rank 0 in the test's thread, the others in their own.
class StaffTest : public testing::Test {
 protected:
  void begin(int ranks) {
    layout_.emplace(SearchLayout::plan("ps=1,controller=2,child=2", {ranks, 2, 1}));
    world_.emplace(ranks, "staff");
    group_ = world_->communicator(0);
    mail_.emplace(*group_);
    crew_.emplace(members_of(*layout_, 0), 60s, log_);
    staff_.emplace(*layout_, *crew_, ranks > 1 ? &*mail_ : nullptr);
    for (int rank = 1; rank < ranks; ++rank) {
      others_.emplace_back([this, rank] {
        const auto group = world_->communicator(rank);
        Mail mail(*group);
        Crew crew(members_of(*layout_, rank), 60s, log_);
        keep_crew(mail, crew, [this] { return told_to_stop_.load(); });
      });
    }
  }
  void TearDown() override {
    if (!ended_) end();
    for (std::thread& other : others_) other.join();
  }
  double end() {
    ended_ = true;
    return staff_->end();
  }

  // Takes until there is such an event, and notes as the driver does.
  CrewEvent next(int worker, What what, bool note = true) {
    const Deadline deadline(limit);
    while (!deadline.expired()) {
      for (size_t i = 0; i < unused_.size(); ++i) {
        if (unused_[i].worker != worker || unused_[i].what != what) continue;
        const CrewEvent found = unused_[i];
        unused_.erase(unused_.begin() + static_cast<ptrdiff_t>(i));
        return found;
      }
      for (CrewEvent& event : staff_->take(100ms)) {
        if (note) staff_->note(event);
        unused_.push_back(std::move(event));
      }
    }
    ADD_FAILURE() << "worker " << worker << " has no such event";
    return {};
  }
  void all_come_up() {
    for (int worker = 0; worker < layout_->workers(); ++worker) next(worker, What::up);
  }
  void all_answer() {
    for (int worker = 0; worker < layout_->workers(); ++worker) {
      staff_->send(worker, {{"say", worker * 10}});
    }
    for (int worker = 0; worker < layout_->workers(); ++worker) {
      EXPECT_EQ(answer(worker), worker * 10);
    }
  }
  Json answer(int worker) { return next(worker, What::said).message.value("say", Json()); }

  Log log_{LogLevel::error, "test"};
  std::atomic<bool> told_to_stop_{false};
  bool ended_ = false;
  std::optional<SearchLayout> layout_;
  std::optional<comm::InprocWorld> world_;
  std::unique_ptr<comm::Communicator> group_;
  std::optional<Mail> mail_;
  std::optional<Crew> crew_;
  std::optional<Staff> staff_;
  std::vector<std::thread> others_;
  std::vector<CrewEvent> unused_;
};

TEST_F(StaffTest, WorkersOfOneRankAreReached) {
  begin(1);
  all_come_up();
  all_answer();
}

TEST_F(StaffTest, WorkersOfTwoRanksAreReachedWhereverTheyAre) {
  begin(2);
  all_come_up();
  all_answer();
}

TEST_F(StaffTest, HowAWorkerOfAnotherRankDiesIsHeard) {
  begin(2);
  all_come_up();
  ASSERT_EQ(layout_->rank_of(3), 1);
  staff_->send(3, {{"exit", 5}});
  const CrewEvent death = next(3, What::died);
  EXPECT_EQ(death.why, "ended with status 5");
  EXPECT_EQ(death.life, 1);
  EXPECT_EQ(next(3, What::up).life, 2);
  staff_->send(3, {{"say", "in its second life"}});
  EXPECT_EQ(answer(3), "in its second life");
}

TEST_F(StaffTest, WhatIsMeantForADeadProcessDoesNotReachTheNext) {
  begin(2);
  all_come_up();
  for (const int worker : {2, 3}) {  // on either rank
    staff_->send(worker, {{"exit", 0}});
    next(worker, What::died, false);
    const CrewEvent again = next(worker, What::up, false);
    staff_->send(worker, {{"say", "to the one before"}});
    staff_->note(again);
    staff_->send(worker, {{"say", "to this one"}});
    EXPECT_EQ(answer(worker), "to this one");
  }
}

TEST_F(StaffTest, AStopOfAnotherRankIsHeard) {
  begin(2);
  all_come_up();
  EXPECT_FALSE(staff_->asked_to_stop());
  told_to_stop_ = true;
  const Deadline deadline(limit);
  while (!staff_->asked_to_stop() && !deadline.expired()) staff_->take(10ms);
  EXPECT_TRUE(staff_->asked_to_stop());
}

TEST_F(StaffTest, TheEndCountsTheChildrenOfAllRanks) {
  begin(2);
  all_come_up();
  staff_->send(1, {{"burn", 0.4}});
  for (const int worker : {2, 3}) staff_->send(worker, {{"burn", 0.1}});
  for (const int worker : {1, 2, 3}) next(worker, What::said);
  const double children = end();
  EXPECT_GE(children, 2 * 0.09) << "of both children";
  EXPECT_LT(children, 0.4) << "a controller is none";
}

}  // namespace
}  // namespace podium::search
