// Where the wall time went: parts that sum to it, on every rank, and a slow trainer that shows as
// exposed communication of the others.
#include "train/wall_time.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "training_fixture.hpp"

namespace podium {
namespace {

using test::on_ranks;
using train::WallTime;

TEST(WallTime, WhatIsMissingIsOther) {
  const WallTime time = WallTime{1, 2, 3, 4, 0}.filled_to(15);
  EXPECT_EQ(time.other_s, 5);
  EXPECT_EQ(time.wall_s(), 15);
  const nlohmann::ordered_json json = train::to_json(time);
  double sum = 0;
  for (const char* part :
       {"compute_s", "data_wait_s", "exposed_comm_s", "hidden_comm_s", "other_s"}) {
    sum += json.at(part).get<double>();
  }
  EXPECT_EQ(json.at("wall_s"), sum);
  EXPECT_NE(train::to_text(time).find("15.0 s: 6.7 % compute"), std::string::npos)
      << train::to_text(time);
}

TEST(WallTime, OfAllRanksIsKnownToAll) {
  on_ranks(3, [](comm::Communicator& group) {
    const double mine = group.rank() + 1;
    const auto all = train::share_wall_times({mine, 2 * mine, 0, 0, 10}, group);
    ASSERT_EQ(all.size(), 3U);
    for (size_t rank = 0; rank < 3; ++rank) {
      EXPECT_EQ(all[rank].compute_s, static_cast<double>(rank + 1));
      EXPECT_EQ(all[rank].other_s, 10);
    }
    EXPECT_EQ(train::mean_of(all).data_wait_s, 4);
  });
}

// Each step of rank 1 takes 20 ms longer to compute.
class SlowedSync : public train::AllReduceSync {
 public:
  explicit SlowedSync(comm::Communicator& group) : AllReduceSync(group), slow_(group.rank() == 1) {}
  void begin(std::span<float> gradients, float weight) override {
    if (slow_) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    AllReduceSync::begin(gradients, weight);
  }

 private:
  bool slow_;
};

class WallTimeTest : public test::TrainingTest {};

TEST_F(WallTimeTest, SumsToTheWallAndASlowTrainerIsExposedTimeOfTheOthers) {
  std::array<WallTime, 3> times;
  on_ranks(3, [&](comm::Communicator& group) {
    train::Recipe recipe = test::small_recipe();
    recipe.epochs = 2;
    io::Dataset dataset = cache_.open();
    nn::Model model = test::small_model(dataset, recipe);
    SlowedSync sync(group);
    train::TrainerOptions options;
    test::HostTraining training(model, recipe, dataset, sync, group, options);
    const Stopwatch watch;
    training.trainer.run();
    const WallTime& time = training.trainer.wall_time();
    EXPECT_LE(time.wall_s(), watch.seconds());
    EXPECT_LE(training.engine.times().steps_s(), time.wall_s()) << "parts overlap";
    for (const double part : {time.compute_s, time.data_wait_s, time.exposed_comm_s,
                              time.hidden_comm_s, time.other_s}) {
      EXPECT_GE(part, 0);
    }
    EXPECT_GT(training.trainer.progress().epoch_wall.wall_s(), 0);
    times[static_cast<size_t>(group.rank())] = time;
  });
  constexpr double slept_s = 22 * 0.020;  // in 22 steps
  EXPECT_GT(times[0].exposed_comm_s, slept_s / 2);
  EXPECT_GT(times[2].exposed_comm_s, slept_s / 2);
  EXPECT_GE(times[1].compute_s + times[1].hidden_comm_s, slept_s) << "its own time is no wait";
}

}  // namespace
}  // namespace podium
