// Training through parameter servers: ranks are threads, servers are processes.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <csignal>
#include <numeric>
#include <thread>

#include "app/process.hpp"
#include "core/error.hpp"
#include "ps/tcp/server_group.hpp"
#include "train/gradient_syncs.hpp"
#include "train/ps_client.hpp"
#include "train/ps_engine.hpp"
#include "train/ps_sync.hpp"
#include "train/step_engines.hpp"
#include "training_fixture.hpp"

namespace podium {
namespace {

using ps::Consistency;
using train::Trainer;

// An engine whose steps take longer on one rank.
class SlowEngine final : public train::StepEngine {
 public:
  SlowEngine(train::StepEngine& engine, std::chrono::milliseconds delay)
      : engine_(engine), delay_(delay) {}
  void start_epoch(const train::EpochPlan& plan) override { engine_.start_epoch(plan); }
  std::span<const train::Step> advance() override {
    std::this_thread::sleep_for(delay_);
    return engine_.advance();
  }
  train::WallTime times() const override { return engine_.times(); }
  bool in_step() const override { return engine_.in_step(); }
  void settle() override { engine_.settle(); }

 private:
  train::StepEngine& engine_;
  std::chrono::milliseconds delay_;
};

class PsTraining : public test::TrainingTest {
 protected:
  struct Outcome {
    std::vector<float> weights;  // of rank 0
    std::string hash;
    train::Progress progress;
    train::PsReport report;
    Trainer::Outcome ended = Trainer::Outcome::finished;
  };

  static ps::GroupOptions servers(Consistency consistency, uint64_t staleness = 0) {
    ps::GroupOptions options;
    options.consistency = consistency;
    options.staleness = staleness;
    options.split_values = 16;
    options.patience = std::chrono::seconds(30);
    return options;
  }

  // Trains on `ranks` ranks, the last of them slowed down by `delay` a step.
  Outcome train_by(const ps::GroupOptions& group, const train::Recipe& recipe, int ranks,
                   const train::TrainerOptions& options = {},
                   std::chrono::milliseconds delay = {}) {
    Outcome outcome;
    test::on_ranks(ranks, [&](comm::Communicator& trainers) {
      io::Dataset dataset = cache_.open();
      nn::Model model = test::small_model(dataset, recipe);
      train::TrainingState state(model, recipe);
      train::PsClient client(
          trainers, state, group,
          train::make_server_processes(trainers, true, Log(LogLevel::error, "test")));
      const auto sync =
          train::make_gradient_sync({.group = trainers, .log = {}, .servers = &client});
      const auto engine = train::make_step_engine(
          {state, dataset, *sync, trainers, io::Shuffle::automatic, &client}, {});
      const bool last = trainers.rank() == ranks - 1;
      SlowEngine slow(*engine, last ? delay : std::chrono::milliseconds(0));
      Trainer trainer(state, dataset, slow, trainers, options);
      const Trainer::Outcome ended = trainer.run();
      const train::PsReport report = client.report();
      client.leave();
      if (trainers.rank() != 0) return;
      const auto weights = std::as_const(model).parameters();
      outcome = {{weights.begin(), weights.end()},
                 train::weights_xxh3(model),
                 trainer.progress(),
                 report,
                 ended};
    });
    return outcome;
  }

  // The same by AllReduce.
  std::vector<float> weights_by_allreduce(const train::Recipe& recipe, int ranks) {
    std::vector<float> weights;
    test::on_ranks(ranks, [&](comm::Communicator& trainers) {
      io::Dataset dataset = cache_.open();
      nn::Model model = test::small_model(dataset, recipe);
      train::AllReduceSync sync(trainers);
      test::HostTraining(model, recipe, dataset, sync, trainers, {}).trainer.run();
      if (trainers.rank() != 0) return;
      const auto mine = std::as_const(model).parameters();
      weights.assign(mine.begin(), mine.end());
    });
    return weights;
  }

  // |a - b| / |b|
  static double difference(std::span<const float> a, std::span<const float> b) {
    EXPECT_EQ(a.size(), b.size());
    double apart = 0;
    double length = 0;
    for (size_t i = 0; i < a.size(); ++i) {
      apart += std::pow(static_cast<double>(a[i]) - b[i], 2);
      length += std::pow(static_cast<double>(b[i]), 2);
    }
    return std::sqrt(apart / length);
  }

  static uint64_t pulls(const train::PsReport& report) {
    return std::accumulate(report.staleness.begin(), report.staleness.end(), uint64_t{0});
  }
};

// Replicas hold equal bits, or the loop would throw.
TEST_F(PsTraining, BspComesToWhatAllReduceComesTo) {
  for (const int ranks : {1, 2, 3}) {
    const Outcome outcome = train_by(servers(Consistency::bsp), test::small_recipe(), ranks);
    const std::vector<float> expected = weights_by_allreduce(test::small_recipe(), ranks);
    EXPECT_LT(difference(outcome.weights, expected), 1e-4) << ranks << " ranks";
    EXPECT_GT(outcome.progress.val_accuracy, 0.9);
    EXPECT_EQ(outcome.progress.images, 4 * 350);
    EXPECT_EQ(outcome.report.most_staleness(), 0U);
    const uint64_t bytes = 44 * static_cast<uint64_t>(ranks) * outcome.weights.size() * 4;
    EXPECT_EQ(outcome.report.bytes_pushed, bytes) << "the gradients of 44 steps";
    EXPECT_EQ(outcome.report.bytes_pulled, bytes);
  }
}

TEST_F(PsTraining, BspGivesEqualBitsHoweverManyServersThereAre) {
  ps::GroupOptions options = servers(Consistency::bsp);
  const std::string first = train_by(options, test::small_recipe(), 3).hash;
  EXPECT_EQ(train_by(options, test::small_recipe(), 3).hash, first);
  options.servers = 5;
  EXPECT_EQ(train_by(options, test::small_recipe(), 3).hash, first);
}

// Of two images in a step, the third rank has none.
TEST_F(PsTraining, ATrainerWithoutImagesTakesItsStepsAllTheSame) {
  train::Recipe recipe = test::small_recipe();
  recipe.architecture = "dense classes";
  recipe.batch = 2;
  recipe.lr = 0.005;
  recipe.epochs = 1;
  const Outcome bsp = train_by(servers(Consistency::bsp), recipe, 3);
  EXPECT_LT(difference(bsp.weights, weights_by_allreduce(recipe, 3)), 1e-4);
  EXPECT_GT(train_by(servers(Consistency::asp), recipe, 3).progress.val_accuracy, 0.5);
}

TEST_F(PsTraining, BspGoesOnFromACheckpointToTheSameBits) {
  const ps::GroupOptions options = servers(Consistency::bsp);
  const Outcome uninterrupted = train_by(options, test::small_recipe(), 2);
  train::TrainerOptions how;
  how.checkpoints.folder = cache_.folder() / "small";
  std::atomic<int> checks{0};
  how.should_stop = [&] { return ++checks > 6; };
  const Outcome stopped = train_by(options, test::small_recipe(), 2, how);
  EXPECT_EQ(stopped.ended, Trainer::Outcome::stopped);
  EXPECT_LT(stopped.progress.epochs, 4);
  how.should_stop = nullptr;
  EXPECT_EQ(train_by(options, test::small_recipe(), 2, how).hash, uninterrupted.hash);
}

TEST_F(PsTraining, AKilledServerIsReplacedAndChangesNoBit) {
  ps::GroupOptions options = servers(Consistency::bsp);
  options.replicas = 1;
  train::Recipe recipe = test::small_recipe();
  recipe.epochs = 12;
  const Outcome undisturbed = train_by(options, recipe, 2);
  EXPECT_EQ(undisturbed.report.failovers, 0U);
  train::TrainerOptions how;
  how.on_epoch = [](const train::Progress& progress) {
    if (progress.epochs != 2) return;
    const std::vector<pid_t> children = test::children_of(::getpid());
    ASSERT_EQ(children.size(), 2U);
    ::kill(children.front(), SIGKILL);
  };
  const Outcome disturbed = train_by(options, recipe, 2, how);
  EXPECT_EQ(disturbed.hash, undisturbed.hash);
  EXPECT_GT(disturbed.report.failovers, 0U);
}

TEST_F(PsTraining, SspAndAspLearn) {
  for (const Consistency consistency : {Consistency::ssp, Consistency::asp}) {
    const uint64_t bound = consistency == Consistency::ssp ? 2 : 0;
    const Outcome outcome = train_by(servers(consistency, bound), test::small_recipe(), 3);
    EXPECT_GT(outcome.progress.val_accuracy, 0.9) << train::name_of(consistency);
    EXPECT_EQ(outcome.progress.images, 4 * 350);
  }
}

// With one trainer nothing is asynchronous: the servers' optimizer must be the trainer's.
TEST_F(PsTraining, TheServersApplyTheRecipesOptimizer) {
  train::Recipe recipe = test::small_recipe();
  recipe.weight_decay = 0.1;
  recipe.norm_lr = 8;
  const Outcome asp = train_by(servers(Consistency::asp), recipe, 1);
  EXPECT_LT(difference(asp.weights, weights_by_allreduce(recipe, 1)), 1e-4);
}

TEST_F(PsTraining, TheBoundOnStalenessHoldsAndWithoutOneTrainersRunAhead) {
  const auto slowly = std::chrono::milliseconds(20);
  const Outcome ssp = train_by(servers(Consistency::ssp, 2), test::small_recipe(), 2, {}, slowly);
  EXPECT_LE(ssp.report.most_staleness(), 2U);
  EXPECT_GT(ssp.report.most_staleness(), 0U) << "the fast trainer had the slow one's old steps";
  EXPECT_GE(pulls(ssp.report), 88U) << "one a step and trainer";
  const Outcome asp = train_by(servers(Consistency::asp), test::small_recipe(), 2, {}, slowly);
  EXPECT_GT(asp.report.most_staleness(), 2U);
}

// With one trainer nothing is asynchronous: a run that goes on must have the servers' momentum.
TEST_F(PsTraining, AspGoesOnFromACheckpointWithItsMomentum) {
  const ps::GroupOptions options = servers(Consistency::asp);
  const Outcome uninterrupted = train_by(options, test::small_recipe(), 1);
  train::TrainerOptions how;
  how.checkpoints.folder = cache_.folder() / "small";
  std::atomic<int> checks{0};
  how.should_stop = [&] { return ++checks > 3; };
  const Outcome stopped = train_by(options, test::small_recipe(), 1, how);
  EXPECT_EQ(stopped.ended, Trainer::Outcome::stopped);
  how.should_stop = nullptr;
  EXPECT_EQ(train_by(options, test::small_recipe(), 1, how).hash, uninterrupted.hash);
}

TEST_F(PsTraining, AspGoesOnFromACheckpoint) {
  train::TrainerOptions how;
  how.checkpoints.folder = cache_.folder() / "small";
  std::atomic<int> checks{0};
  how.should_stop = [&] { return ++checks > 6; };
  const Outcome stopped = train_by(servers(Consistency::asp), test::small_recipe(), 2, how);
  EXPECT_EQ(stopped.ended, Trainer::Outcome::stopped);
  how.should_stop = nullptr;
  const Outcome outcome = train_by(servers(Consistency::asp), test::small_recipe(), 2, how);
  EXPECT_EQ(outcome.progress.images, 4 * 350);
  EXPECT_GT(outcome.progress.val_accuracy, 0.9);
}

TEST_F(PsTraining, FiltersSaveBytesAndTheModelStillLearns) {
  ps::GroupOptions options = servers(Consistency::bsp);
  const Outcome plain = train_by(options, test::small_recipe(), 2);
  options.filters.encoding = ps::Encoding::bf16;
  const Outcome rounded = train_by(options, test::small_recipe(), 2);
  EXPECT_EQ(2 * rounded.report.bytes_pushed, plain.report.bytes_pushed);
  EXPECT_EQ(rounded.report.saved_encoding, rounded.report.bytes_pushed);
  EXPECT_NE(rounded.hash, plain.hash);
  EXPECT_GT(rounded.progress.val_accuracy, 0.9);
  options.filters = {};
  options.filters.significance = 1;
  const Outcome sparse = train_by(options, test::small_recipe(), 2);
  EXPECT_GT(sparse.report.saved_significance, 0U);
  EXPECT_GT(sparse.progress.val_accuracy, 0.9);
}

TEST_F(PsTraining, AnAverageOfWeightsNeedsEqualWeights) {
  train::Recipe recipe = test::small_recipe();
  recipe.ema = 0.9;
  EXPECT_THROW(train_by(servers(Consistency::asp), recipe, 2), Error);
  EXPECT_GT(train_by(servers(Consistency::bsp), recipe, 2).progress.val_accuracy, 0.9);
}

}  // namespace
}  // namespace podium

// The servers' processes are this executable.
int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (podium::ps::is_server_command(arguments)) podium::ps::run_server(arguments);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
