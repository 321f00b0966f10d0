// The driver with real workers (tiny_search.hpp): what a search counts, when it ends, what it goes
// on from, and what deaths cost.
#include "search/driver.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <numeric>
#include <set>
#include <stdexcept>

#include "ckpt/snapshot.hpp"
#include "core/error.hpp"
#include "search/tiny_search.hpp"
#include "temporary_folder.hpp"

namespace podium::search {
namespace {

constexpr const char* wide = "repeat 8 { dense {2|3|4|5}; relu }; dense classes";

class DriverTest : public testing::Test {
 protected:
  DriverTest() {
    options_.method.name = "random";
    options_.method.reinforce.controller.units = tiny::units;
    options_.samples = 40;
    options_.limits = {{1, 4, 4}, 2, 0};
    options_.identity = {{"search", 1}};
    options_.folder = folder_.path();
    never_stop();
  }

  // A job of its own. `after`, if any, sees the driver when its search is over.
  SearchOutcome search(const std::function<void(Driver&)>& after = {}) {
    const SearchLayout layout = SearchLayout::plan(roles_, {1, 2, 1});
    const Space space = Space::parse(space_);
    Crew crew(tiny::members(layout, space_, options_.method, deadly_), std::chrono::seconds(60),
              log_);
    Staff staff(layout, crew, nullptr);
    Memo memo(folder_.path() / "memo.jsonl", {{"seed", 1}}, log_);
    MetricsLog metrics(metrics_, Stopwatch(), log_);
    ThetaServers theta(options_.method, {}, space, layout.servers(), log_);
    Driver driver(options_, space, layout, staff, theta, memo, metrics, log_);
    SearchOutcome outcome = driver.run();
    if (after) after(driver);
    return outcome;
  }
  std::vector<Json> told() const {
    std::vector<Json> events;
    std::ifstream file(metrics_);
    for (std::string line; std::getline(file, line);) events.push_back(Json::parse(line));
    return events;
  }
  // In the order in which one controller proposed them.
  std::vector<std::string> networks() const {
    std::vector<std::string> networks;
    for (const Json& event : told()) networks.push_back(event.at("architecture"));
    return networks;
  }
  // What a search that nobody disturbs proposes; nothing is left of it.
  std::vector<std::string> undisturbed() {
    search();
    const std::vector<std::string> found = networks();
    start_anew();
    return found;
  }
  void start_anew() {
    for (const char* file : {"metrics.jsonl", "memo.jsonl", "search.h5"}) {
      std::filesystem::remove(folder_.path() / file);
    }
  }
  // Is told to stop once so many samples are counted.
  void stop_after(size_t samples) {
    options_.should_stop = [this, samples] { return told().size() >= samples; };
  }
  void never_stop() {
    options_.should_stop = [] { return false; };
  }
  std::filesystem::path checkpoint() const { return folder_.path() / "search.h5"; }
  bool has_checkpoint() const { return std::filesystem::exists(checkpoint()); }

  test::TemporaryFolder folder_;
  std::filesystem::path metrics_ = folder_.path() / "metrics.jsonl";
  Log log_{LogLevel::error, "test"};
  std::string roles_ = "ps=2,controller=1,child=4";
  std::string space_ = wide;
  double deadly_ = 0;
  DriverOptions options_;
};

TEST_F(DriverTest, EachSampleIsCountedAndTold) {
  roles_ = "ps=2,controller=2,child=4";
  const SearchOutcome outcome = search();
  EXPECT_EQ(outcome.end, "samples");
  EXPECT_FALSE(outcome.stopped);
  EXPECT_EQ(outcome.ledger.samples(), 40u);
  EXPECT_EQ(outcome.controller_deaths + outcome.child_deaths, 0);
  const std::vector<Json> events = told();
  ASSERT_EQ(events.size(), 40u);
  double best = 0;
  std::set<int> controllers;
  for (size_t i = 0; i < events.size(); ++i) {
    EXPECT_EQ(events[i].at("sample"), i + 1);
    EXPECT_DOUBLE_EQ(events[i].at("reward"), tiny::reward_of(events[i].at("architecture")));
    best = std::max(best, events[i].at("reward").get<double>());
    EXPECT_EQ(events[i].at("best_reward"), best);
    controllers.insert(events[i].at("controller").get<int>());
  }
  EXPECT_EQ(controllers, std::set<int>({0, 1}));
  EXPECT_EQ(outcome.ledger.best().reward, best);
  EXPECT_EQ(tiny::reward_of(outcome.ledger.best().architecture), best);
}

TEST_F(DriverTest, TheLastBatchHasNoMoreNetworksThanAreWanted) {
  options_.samples = 6;  // of a batch of four and half of another
  const SearchOutcome outcome = search();
  EXPECT_EQ(outcome.ledger.samples(), 6u);
  EXPECT_EQ(told().size(), 6u);
}

TEST_F(DriverTest, OneThatIsStoppedGoesOnAsIfItHadNotBeen) {
  for (const char* method : {"random", "evolution"}) {
    options_.method.name = method;
    const std::vector<std::string> expected = undisturbed();
    stop_after(12);
    const SearchOutcome stopped = search();
    EXPECT_TRUE(stopped.stopped);
    EXPECT_EQ(stopped.end, "stop");
    EXPECT_EQ(stopped.ledger.samples(), 12u);
    ASSERT_TRUE(has_checkpoint());
    never_stop();
    const SearchOutcome whole = search([](Driver& driver) { driver.forget(); });
    EXPECT_EQ(whole.ledger.samples(), 40u);
    EXPECT_GE(whole.seconds, stopped.seconds);
    EXPECT_EQ(networks(), expected) << method;
    EXPECT_FALSE(has_checkpoint());
    start_anew();
  }
}

TEST_F(DriverTest, TheParametersOfTheControllersAreInTheCheckpoint) {
  options_.method.name = "reinforce";
  stop_after(8);
  search();
  const Json before = ckpt::read_snapshot_card(checkpoint());
  const Controller controller(Space::parse(wide), options_.method.reinforce.controller);
  auto theta = before.at("theta").get<std::vector<float>>();
  ASSERT_EQ(theta.size() % controller.parameter_count(), 0U);
  ASSERT_GT(theta.size(), controller.parameter_count()) << "with the moments of Adam";
  theta.resize(controller.parameter_count());
  EXPECT_NE(theta, controller.initial(options_.method.seed)) << "it has learnt";
  EXPECT_TRUE(before.at("controllers").at(0).at("unlearned").is_null()) << "from all that counts";
  stop_after(0);  // at once
  search();
  EXPECT_EQ(ckpt::read_snapshot_card(checkpoint()).at("theta"), before.at("theta"));
  never_stop();
  EXPECT_EQ(search().ledger.samples(), 40u);
}

// As after a SIGKILL: what is on the disk is older than what was told.
TEST_F(DriverTest, SamplesThatAKilledJobToldButDidNotSaveAreToldOnce) {
  const auto samples_told = [&] {
    std::vector<int> numbers;
    for (const Json& event : told()) {
      if (event.at("event") == "sample") numbers.push_back(event.at("sample"));
    }
    return numbers;
  };
  std::vector<int> once(40);
  std::iota(once.begin(), once.end(), 1);
  stop_after(8);
  search();
  std::filesystem::copy_file(checkpoint(), folder_.path() / "older");
  stop_after(20);
  search();
  std::filesystem::rename(folder_.path() / "older", checkpoint());
  JsonLines(metrics_, log_).write({{"event", "of somebody else"}});
  never_stop();
  search();
  EXPECT_EQ(samples_told(), once);
  EXPECT_EQ(told().at(8).at("event"), "of somebody else");
  start_anew();

  options_.should_stop = [&]() -> bool {  // before anything but the beginning was saved
    if (told().size() >= 8) throw std::runtime_error("killed");
    return false;
  };
  EXPECT_THROW(search(), std::runtime_error);
  never_stop();
  search();
  EXPECT_EQ(samples_told(), once);
}

TEST_F(DriverTest, ServersThatAllDieAreReplacedByNewOnes) {
  options_.method.name = "reinforce";
  roles_ = "ps=1,controller=1,child=4";
  size_t kills = 0;
  options_.should_stop = [&] {
    if (kills < 2 && told().size() >= 8 * (kills + 1)) {
      tiny::kill_servers();
      ++kills;
    }
    return false;
  };
  const SearchOutcome outcome = search();
  EXPECT_EQ(outcome.ledger.samples(), 40u);
  EXPECT_GE(outcome.server_restarts, 1);
}

TEST_F(DriverTest, TheCheckpointOfAnotherSearchIsNotGoneOnFrom) {
  stop_after(8);
  search();
  options_.identity = {{"search", 2}};
  stop_after(12);
  EXPECT_EQ(search().ledger.samples(), 4u);
}

TEST_F(DriverTest, ADamagedCheckpointIsRefusedByName) {
  stop_after(8);
  search();
  std::fstream file(checkpoint(), std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(std::filesystem::file_size(checkpoint()) / 2));
  file.write("damage", 6);
  file.close();
  try {
    search();
    FAIL() << "it was taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::bad_data);
    EXPECT_NE(std::string(error.what()).find("search.h5"), std::string::npos) << error.what();
  }
}

TEST_F(DriverTest, AControllerThatDiesDrawsAgainWhatDoesNotCount) {
  for (const char* method : {"random", "evolution"}) {
    options_.method.name = method;
    const std::vector<std::string> expected = undisturbed();
    size_t kills = 0;
    options_.should_stop = [&] {
      if (kills < 2 && told().size() >= 8 * (kills + 1)) {
        tiny::kill_controllers();
        ++kills;
      }
      return false;
    };
    const SearchOutcome outcome = search();
    EXPECT_EQ(outcome.controller_deaths, 2);
    EXPECT_EQ(outcome.ledger.samples(), 40u);
    EXPECT_EQ(networks(), expected) << method;
    never_stop();
    start_anew();
  }
}

TEST_F(DriverTest, ABatchUnderWayIsLostWithItsControllerAndDrawnAgain) {
  const std::vector<std::string> expected = undisturbed();
  size_t counted = 0;
  int looks = 0;  // since a batch was counted
  int kills = 0;
  options_.should_stop = [&] {
    looks = told().size() == counted ? looks + 1 : 0;
    counted = told().size();
    if (kills == 2 || looks != 2) return false;  // by then the next batch has begun
    tiny::kill_controllers();
    ++kills;
    return false;
  };
  const SearchOutcome outcome = search();
  EXPECT_EQ(outcome.controller_deaths, 2);
  EXPECT_EQ(outcome.ledger.samples(), 40u);
  EXPECT_EQ(networks(), expected);
}

TEST_F(DriverTest, ASearchThatOnlyRepeatsItselfEnds) {
  space_ = "dense {2|3}; dense classes";
  options_.samples = 0;
  const SearchOutcome outcome = search();
  EXPECT_EQ(outcome.end, "repetition");
  EXPECT_EQ(outcome.ledger.trained(), 2u);
  EXPECT_GE(outcome.ledger.samples(), 1002u);
}

TEST_F(DriverTest, TimeEndsASearchAndThatOfEarlierJobsCounts) {
  options_.samples = 0;
  stop_after(4);
  const SearchOutcome stopped = search();
  never_stop();
  options_.seconds = stopped.seconds + 0.2;
  const SearchOutcome outcome = search();
  EXPECT_EQ(outcome.end, "time");
  EXPECT_FALSE(outcome.stopped);
  EXPECT_GE(outcome.seconds, options_.seconds);
  options_.seconds = stopped.seconds / 2;
  const SearchOutcome over = search();
  EXPECT_EQ(over.end, "time");
  EXPECT_EQ(over.ledger.samples(), 4u) << "nothing is begun when the time is over";
}

TEST_F(DriverTest, NetworksThatKillChildrenEndNoSearch) {
  deadly_ = 0.25;
  space_ = "dense {2|4|6}; dense {2|4|6}; dense classes";
  options_.samples = 8;
  const SearchOutcome outcome = search();
  EXPECT_EQ(outcome.ledger.samples(), 8u);
  for (const Json& event : told()) {
    const double reward = tiny::reward_of(event.at("architecture"));
    EXPECT_DOUBLE_EQ(event.at("reward"), reward < deadly_ ? 0 : reward);
  }
  EXPECT_GT(outcome.child_deaths, 0);
}

TEST_F(DriverTest, WithoutAnyChildOrControllerASearchCannotGoOn) {
  const auto failure = [&] {
    try {
      search();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::unavailable);
      return std::string(error.what());
    }
    return std::string("none");
  };
  deadly_ = 1;
  options_.samples = 0;
  EXPECT_NE(failure().find("every child died"), std::string::npos);
  deadly_ = 0;
  options_.should_stop = [] {
    tiny::kill_controllers();
    return false;
  };
  EXPECT_NE(failure().find("every controller died"), std::string::npos);
}

}  // namespace
}  // namespace podium::search
