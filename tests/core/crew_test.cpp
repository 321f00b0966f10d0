// A crew of real processes: what they say, how often they come again, and who is killed. This
// executable starts itself as the workers (see main below).
#include "core/crew.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>

#include "core/error.hpp"
#include "core/obedient_worker.hpp"

namespace podium {
namespace {

using namespace std::chrono_literals;
using What = CrewEvent::What;

constexpr auto limit = 30s;  // of a test's waits

CrewMember member(int worker, const std::vector<std::string>& arguments = test::obedient_command(),
                  bool counted = false) {
  return {worker, "worker " + std::to_string(worker), arguments, counted};
}

class CrewTest : public testing::Test {
 protected:
  void hire(std::vector<CrewMember> members, Crew::Milliseconds silence = 60s) {
    crew_.emplace(std::move(members), silence, Log(LogLevel::error, "test"));
  }

  // The next event of a worker that is a `what`; those before it are in `seen_`.
  CrewEvent next(int worker, What what) {
    const Deadline deadline(limit);
    while (!deadline.expired()) {
      while (unseen_.empty() && !deadline.expired()) {
        for (CrewEvent& event : crew_->take(100ms)) unseen_.push_back(std::move(event));
      }
      if (unseen_.empty()) break;
      seen_.push_back(unseen_.front());
      unseen_.pop_front();
      if (seen_.back().worker == worker && seen_.back().what == what) return seen_.back();
    }
    ADD_FAILURE() << "worker " << worker << " has no such event";
    return {};
  }

  void say(int worker, int life, const Json& what) { crew_->send(worker, life, {{"say", what}}); }

  Json answer(int worker) { return next(worker, What::said).message.value("say", Json()); }

  size_t count(int worker, What what) const {
    return static_cast<size_t>(std::ranges::count_if(seen_, [&](const CrewEvent& event) {
      return event.worker == worker && event.what == what;
    }));
  }

  std::optional<Crew> crew_;
  std::deque<CrewEvent> unseen_;
  std::vector<CrewEvent> seen_;
};

TEST_F(CrewTest, EachHearsAndSaysItsOwn) {
  hire({member(4), member(7)});
  EXPECT_EQ(next(4, What::up).life, 1);
  EXPECT_EQ(next(7, What::up).life, 1);
  say(7, 1, "to seven");
  EXPECT_EQ(answer(7), "to seven");
  say(4, 1, "to four");
  EXPECT_EQ(answer(4), "to four");
  EXPECT_EQ(count(7, What::said), 1u);
  EXPECT_THROW(say(5, 1, "nobody"), Error);
}

TEST_F(CrewTest, OneThatDiesSaysHowAndComesAgain) {
  hire({member(0)});
  next(0, What::up);
  crew_->send(0, 1, {{"exit", 7}});
  const CrewEvent left = next(0, What::died);
  EXPECT_EQ(left.life, 1);
  EXPECT_EQ(left.why, "ended with status 7");
  EXPECT_EQ(next(0, What::up).life, 2);
  crew_->send(0, 2, {{"signal", SIGKILL}});
  EXPECT_EQ(next(0, What::died).why, "killed by signal 9");
  EXPECT_EQ(next(0, What::up).life, 3);
}

TEST_F(CrewTest, WhatItSaidBeforeItsDeathIsHeardBeforeIt) {
  hire({member(0)});
  next(0, What::up);
  for (int i = 0; i < 20; ++i) say(0, 1, i);
  crew_->send(0, 1, {{"exit", 0}});
  next(0, What::died);
  EXPECT_EQ(count(0, What::said), 20u);
}

TEST_F(CrewTest, WhatIsForTheDeadDoesNotReachTheirSuccessors) {
  hire({member(0)});
  next(0, What::up);
  crew_->send(0, 1, {{"exit", 0}});
  next(0, What::died);
  say(0, 1, "while nobody is there");
  next(0, What::up);
  say(0, 1, "to the one before");
  say(0, 2, "to this one");
  EXPECT_EQ(answer(0), "to this one");
}

TEST_F(CrewTest, FiveDeathsInAMinuteLeaveOneDownAndTheOthersAlone) {
  hire({member(0, test::stillborn_command()), member(1)});
  EXPECT_EQ(next(0, What::down).why, "ended with status 3");
  EXPECT_EQ(count(0, What::up), 5u);
  EXPECT_EQ(count(0, What::died), 4u);
  say(1, 1, "still there?");
  EXPECT_EQ(answer(1), "still there?");
  EXPECT_EQ(count(0, What::up), 5u);
}

TEST_F(CrewTest, WhoseWorkMayKillIsNotLeftDownForDyingInTheMiddleOfIt) {
  CrewMember blameless = member(0);
  blameless.work_may_kill = true;
  hire({blameless});
  for (int life = 1; life <= 8; ++life) {
    EXPECT_EQ(next(0, What::up).life, life);
    say(0, life, "begun");
    crew_->send(0, life, {{"say", "begun"}, {"exit", 1}});
    next(0, What::died);
  }
  for (int death = 0; death < 5; ++death) {  // before a word about its work
    const int life = next(0, What::up).life;
    crew_->send(0, life, {{"exit", 1}});
    next(0, death < 4 ? What::died : What::down);
  }
}

TEST_F(CrewTest, OneThatIsSilentAtItsWorkIsKilledAndOneWithoutWorkIsNot) {
  hire({member(0), member(1)}, 700ms);
  next(0, What::up);
  crew_->send(1, 1, {{"say", 1}, {"done", true}});
  next(1, What::said);
  crew_->send(0, 1, {{"hang", true}});
  EXPECT_EQ(next(0, What::died).why, "killed by signal 9");
  EXPECT_EQ(next(0, What::up).life, 2);
  EXPECT_EQ(count(1, What::died), 0u) << "it was silent for as long";
}

TEST_F(CrewTest, ProcessorTimeOfTheCountedIsKeptBeyondTheirDeath) {
  hire({member(0, test::obedient_command(), true), member(1)});
  next(0, What::up);
  crew_->send(1, 1, {{"burn", 0.4}});
  crew_->send(0, 1, {{"burn", 0.1}});
  next(0, What::said);
  const double alive = crew_->cpu_s();
  EXPECT_GE(alive, 0.09);
  crew_->send(0, 1, {{"exit", 0}});
  next(0, What::died);
  EXPECT_GE(crew_->cpu_s(), alive);
  if (count(1, What::said) == 0) next(1, What::said);
  EXPECT_LT(crew_->cpu_s(), 0.4) << "the other one is not counted";
  crew_->end();
  EXPECT_GE(crew_->cpu_s(), alive);
}

TEST_F(CrewTest, NobodyComesAgainAfterTheEnd) {
  hire({member(0), member(1)});
  next(0, What::up);
  crew_->end();
  EXPECT_TRUE(crew_->take(50ms).empty());
  say(0, 1, "nobody hears it");
  EXPECT_TRUE(crew_->take(50ms).empty());
}

}  // namespace
}  // namespace podium

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (podium::test::is_obedient_command(arguments)) return podium::test::run_obedient(arguments);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
