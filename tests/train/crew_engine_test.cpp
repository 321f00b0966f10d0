// Trainers that are processes, killed in the middle of what they do: ranks are threads, trainers
// and servers are processes of this executable.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "app/process.hpp"
#include "core/cpu_time.hpp"
#include "core/error.hpp"
#include "ps/tcp/server_group.hpp"
#include "train/crew_engine.hpp"
#include "train/trainer_process.hpp"
#include "training_fixture.hpp"

namespace podium {
namespace {

using namespace std::chrono_literals;
using ps::Consistency;
using train::Trainer;

// The processes of this one whose command begins with `word`.
std::vector<pid_t> processes(const std::string& word) {
  std::vector<pid_t> found;
  for (const pid_t child : test::children_of(::getpid())) {
    std::ifstream file("/proc/" + std::to_string(child) + "/cmdline");
    std::string line;
    std::getline(file, line);
    if (line.find(word) != std::string::npos) found.push_back(child);
  }
  return found;
}

std::vector<pid_t> trainers() {
  return processes("__trainer");
}
std::vector<pid_t> servers() {
  return processes("__ps_server");
}

class CrewTraining : public testing::Test {
 protected:
  struct Outcome {
    train::Progress progress;
    train::PsReport report;
    size_t parameters = 0;
  };

  static train::PsOptions options(Consistency consistency, int trainers) {
    train::PsOptions options;
    options.trainers = trainers;
    options.group.consistency = consistency;
    options.group.staleness = consistency == Consistency::ssp ? 2 : 0;
    options.group.split_values = 16;
    options.group.patience = 20s;
    options.group.retry = 1s;
    return options;
  }

  static train::Recipe recipe(int epochs) {
    train::Recipe recipe = test::small_recipe();
    recipe.epochs = epochs;
    return recipe;
  }

  // Trains, and meanwhile does `disturb` on another thread until that returns or training ends.
  Outcome train_by(const train::PsOptions& servers, const train::Recipe& recipe, int ranks = 1,
                   const std::function<void(const std::atomic<bool>& over)>& disturb = {}) const {
    Outcome outcome;
    std::atomic<bool> over{false};
    std::thread disturber([&] {
      if (disturb) disturb(over);
    });
    try {
      test::on_ranks(ranks, [&](comm::Communicator& group) {
        io::Dataset dataset = cache_.open();
        nn::Model model = test::small_model(dataset, recipe);
        train::TrainingState state(model, recipe);
        train::CrewEngine engine(
            {state, dataset, group, servers, -1, 1, Log(LogLevel::error, "test")});
        Trainer trainer(state, dataset, engine, group, {});
        EXPECT_EQ(trainer.run(), Trainer::Outcome::finished);
        const train::PsReport report = engine.report();
        if (group.rank() != 0) return;
        outcome = {trainer.progress(), report, static_cast<size_t>(model.parameter_count())};
      });
    } catch (...) {
      over = true;
      disturber.join();
      throw;
    }
    over = true;
    disturber.join();
    return outcome;
  }

  // Every image of every epoch was trained on, and the model is a good one.
  void expect_whole(const Outcome& outcome, int epochs) const {
    EXPECT_EQ(outcome.progress.epochs, epochs);
    EXPECT_EQ(outcome.progress.images, epochs * static_cast<int64_t>(records()));
    EXPECT_GT(outcome.progress.val_accuracy, 0.9);
  }

  size_t records() const { return dataset_.size(io::Split::train); }

  const test::SyntheticCache cache_{"synthetic:4000,12,12,1,4"};
  const io::Dataset dataset_ = cache_.open();
};

// Whether it computes, and so most likely has a lease.
bool is_busy(pid_t pid) {
  const double before = process_cpu_s(pid);
  std::this_thread::sleep_for(30ms);
  return process_cpu_s(pid) > before;
}

// Kills `who()` now and then while they compute, at most so often.
std::function<void(const std::atomic<bool>&)> killer(const std::function<std::vector<pid_t>()>& who,
                                                     size_t times,
                                                     std::chrono::milliseconds apart) {
  return [=](const std::atomic<bool>& over) {
    for (size_t kill = 0; kill < times && !over;) {
      std::this_thread::sleep_for(apart);
      const std::vector<pid_t> found = who();
      if (found.empty() || !is_busy(found[kill % found.size()])) continue;
      ::kill(found[kill++ % found.size()], SIGKILL);
    }
  };
}

TEST_F(CrewTraining, TrainsUnderEveryConsistency) {
  for (const Consistency consistency : {Consistency::bsp, Consistency::ssp, Consistency::asp}) {
    const Outcome outcome = train_by(options(consistency, 2), recipe(3));
    expect_whole(outcome, 3);
    ASSERT_TRUE(outcome.report.crew);
    EXPECT_EQ(outcome.report.crew->trainers, 2);
    EXPECT_EQ(outcome.report.crew->deaths, 0U);
    EXPECT_EQ(outcome.report.crew->images_repeated, 0U);
    const size_t steps = (records() + 31) / 32;
    EXPECT_EQ(outcome.report.bytes_pushed, 3 * steps * 2 * outcome.parameters * sizeof(float))
        << "each part once";
    const size_t bound = consistency == Consistency::bsp ? 0 : 2;
    if (consistency != Consistency::asp) {
      EXPECT_LE(outcome.report.most_staleness(), bound);
    }
  }
}

TEST_F(CrewTraining, SeveralRanksHaveTrainersOfTheirOwn) {
  for (const auto& [ranks, each] : {std::pair{2, 1}, {2, 2}, {1, 3}}) {
    const Outcome outcome = train_by(options(Consistency::bsp, each), recipe(3), ranks);
    expect_whole(outcome, 3);
    EXPECT_EQ(outcome.report.crew->trainers, ranks * each);
  }
}

TEST_F(CrewTraining, OneOfTwoKilledInTheMiddleLosesNothing) {
  uint64_t handed_on = 0;
  for (const Consistency consistency : {Consistency::bsp, Consistency::ssp, Consistency::asp}) {
    const Outcome outcome =
        train_by(options(consistency, 2), recipe(12), 1, killer(trainers, 6, 100ms));
    expect_whole(outcome, 12);
    const train::CrewReport& crew = *outcome.report.crew;
    EXPECT_GT(crew.deaths, 0U);
    EXPECT_GT(crew.restarts, 0U);
    handed_on += crew.leases_handed_on;
    EXPECT_LE(crew.images_repeated, 16 * crew.deaths) << "half of a batch of 32 for each";
    EXPECT_EQ(crew.left_down, 0U);
  }
  EXPECT_GT(handed_on, 0U) << "or nobody was killed in the middle";
}

TEST_F(CrewTraining, OneThatDiesAgainAndAgainIsLeftDownAndTheOtherGoesOn) {
  const auto first = [] {
    std::vector<pid_t> found;
    for (const pid_t pid : trainers()) {
      std::ifstream file("/proc/" + std::to_string(pid) + "/cmdline");
      std::string line;
      std::getline(file, line);
      if (line.find("trainer 0") != std::string::npos) found.push_back(pid);
    }
    return found;
  };
  const Outcome outcome =
      train_by(options(Consistency::ssp, 2), recipe(20), 1, killer(first, 5, 50ms));
  expect_whole(outcome, 20);
  EXPECT_EQ(outcome.report.crew->deaths, 5U);
  EXPECT_EQ(outcome.report.crew->restarts, 4U);
  EXPECT_EQ(outcome.report.crew->left_down, 1U);
}

TEST_F(CrewTraining, WithoutAnyTrainerThereIsOneClearError) {
  try {
    train_by(options(Consistency::asp, 2), recipe(1000), 1, killer(trainers, 1000, 20ms));
    FAIL() << "trained without trainers";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::unavailable);
    EXPECT_NE(std::string(error.what()).find("no trainer is left"), std::string::npos)
        << error.what();
  }
}

TEST_F(CrewTraining, ATrainerAndAServerMayDie) {
  for (const Consistency consistency : {Consistency::bsp, Consistency::asp}) {
    train::PsOptions how = options(consistency, 2);
    how.group.servers = 3;
    how.group.replicas = 1;
    const auto disturb = [](const std::atomic<bool>& over) {
      killer(trainers, 1, 300ms)(over);
      killer(servers, 1, 300ms)(over);
      killer(trainers, 1, 100ms)(over);
    };
    const Outcome outcome = train_by(how, recipe(10), 1, disturb);
    expect_whole(outcome, 10);
    EXPECT_GT(outcome.report.crew->deaths, 0U);
    EXPECT_EQ(outcome.report.restarts, 1);
  }
}

// It is dropped by the servers, so that others go on, and ended once it has been silent for long.
TEST_F(CrewTraining, AStoppedTrainerIsReplaced) {
  train::PsOptions how = options(Consistency::bsp, 2);
  how.group.patience = 8s;
  const auto disturb = [](const std::atomic<bool>& over) {
    while (!over && trainers().size() < 2) std::this_thread::sleep_for(10ms);
    std::this_thread::sleep_for(300ms);
    const std::vector<pid_t> found = trainers();
    if (!found.empty()) ::kill(found.front(), SIGSTOP);
  };
  const Outcome outcome = train_by(how, recipe(10), 1, disturb);
  expect_whole(outcome, 10);
  EXPECT_GT(outcome.report.crew->deaths, 0U);
}

TEST_F(CrewTraining, AnAverageOfWeightsIsRefused) {
  train::Recipe averaged = recipe(1);
  averaged.ema = 0.9;
  EXPECT_THROW(train_by(options(Consistency::bsp, 2), averaged), Error);
}

TEST(TrainerSetup, TravelsAsItIs) {
  train::TrainerSetup setup;
  train::Recipe& recipe = setup.recipe;
  recipe = test::small_recipe();
  recipe.flip = train::Flip::alternate;
  recipe.init = nn::Initialisation::dirac;
  recipe.numerics = {nn::Rounding::exact, nn::Precision::bf16, true};
  recipe.accumulate = 3;
  recipe.momentum = 0.8;
  recipe.weight_decay = 0.1;
  recipe.label_smoothing = 0.2;
  recipe.norm_lr = 64;
  recipe.warmup = 0.5;
  recipe.final_lr = 0.25;
  recipe.ema = 0.5;
  recipe.ema_every = 7;
  recipe.lookahead = recipe.mirror = true;
  recipe.shift = 2;
  recipe.cutout = 3;
  recipe.cutout_from = 0.5;
  recipe.erase = 0.25;
  recipe.seed = 99;
  const test::SyntheticCache cache;
  setup.card = test::small_card(cache.open(), recipe);
  setup.cache = "/some/where";
  setup.dataset.memory_bytes = 5;
  setup.dataset.policy = io::CachePolicy::two_queue;
  setup.dataset.generation = 6;
  setup.shuffle = io::Shuffle::block;
  setup.rank = 1;
  setup.world = 2;
  setup.parts = 3;
  setup.servers.buffers = {{"a", 7}};
  const nlohmann::ordered_json json = to_json(setup);
  const train::TrainerSetup read = train::trainer_setup_from_json(json);
  EXPECT_EQ(to_json(read), json);
  EXPECT_EQ(read.recipe.flip, train::Flip::alternate);
  EXPECT_EQ(read.dataset.policy, io::CachePolicy::two_queue);
  EXPECT_EQ(read.card, setup.card);
}

}  // namespace
}  // namespace podium

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (podium::ps::is_server_command(arguments)) podium::ps::run_server(arguments);
  if (podium::train::is_trainer_command(arguments)) podium::train::run_trainer(arguments);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
