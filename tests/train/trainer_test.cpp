// The training loop: it learns, replicas agree, it stops together, and it resumes to the same bits.
#include "train/trainer.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <sstream>

#include "core/error.hpp"
#include "train/evaluation.hpp"
#include "train/model_snapshot.hpp"
#include "training_fixture.hpp"

namespace podium {
namespace {

using test::on_ranks;
using train::Trainer;

using TrainerTest = test::TrainingTest;

TEST_F(TrainerTest, LearnsOnAnyNumberOfRanks) {
  for (const int ranks : {1, 2, 3}) {
    train(test::small_recipe(), ranks);
    EXPECT_GT(progress_.val_accuracy, 0.9) << ranks << " ranks";
    EXPECT_EQ(progress_.epochs, 4);
    EXPECT_EQ(progress_.images, 4 * 350) << "every image once per epoch, on " << ranks << " ranks";
  }
}

TEST_F(TrainerTest, EqualSeedsGiveEqualBitsAndOtherSeedsDoNot) {
  train::Recipe recipe = test::small_recipe();
  const std::string first = train(recipe, 2);
  EXPECT_EQ(train(recipe, 2), first);
  recipe.seed = 2;
  EXPECT_NE(train(recipe, 2), first);
}

TEST_F(TrainerTest, GoesOnFromACheckpointToTheSameBits) {
  const std::string uninterrupted = train(test::small_recipe(), 2);
  train::TrainerOptions options;
  options.checkpoint = cache_.folder() / "small.h5";
  std::atomic<int> checks{0};
  options.should_stop = [&] { return ++checks > 4; };  // in the middle of a later epoch
  train(test::small_recipe(), 2, options, Trainer::Outcome::stopped);
  EXPECT_GE(progress_.epochs, 1);
  EXPECT_LT(progress_.epochs, 4);
  options.should_stop = nullptr;
  EXPECT_EQ(train(test::small_recipe(), 2, options), uninterrupted);
  EXPECT_EQ(progress_.images, 4 * 350);
}

// Trainers agree on stopping every eight steps, and at the end of an epoch.
TEST_F(TrainerTest, AWishToStopIsHeardInEpochsOfFewSteps) {
  train::Recipe recipe = test::small_recipe();
  recipe.batch = 128;  // three steps
  const std::string uninterrupted = train(recipe, 2);
  train::TrainerOptions options;
  options.checkpoint = cache_.folder() / "small.h5";
  options.checkpoint_epochs = 100;
  std::atomic<int> checks{0};
  options.should_stop = [&] { return ++checks == 3; };  // one rank, once, in the second epoch
  train(recipe, 2, options, Trainer::Outcome::stopped);
  EXPECT_EQ(progress_.epochs, 2);
  options.should_stop = nullptr;
  EXPECT_EQ(train(recipe, 2, options), uninterrupted);
}

TEST_F(TrainerTest, ARunThatFollowsTakesUpWhatIsAppendedAtItsNextEpoch) {
  train::TrainerOptions options;
  options.follow = true;
  std::vector<uint64_t> records;
  options.on_epoch = [&](const train::Progress& progress) {
    records.push_back(progress.records);
    if (progress.epochs == 2) cache_.append("synthetic:60,8,8,1,4,7");
  };
  train(test::small_recipe(), 2, options);
  EXPECT_EQ(records, (std::vector<uint64_t>{350, 350, 410, 410}));
  EXPECT_EQ(progress_.images, 2 * 350 + 2 * 410);
  EXPECT_EQ(progress_.generation, 1U);
}

TEST_F(TrainerTest, OtherRunsKeepToTheRecordsTheyBeganWithAlsoAcrossAResume) {
  const std::string uninterrupted = train(test::small_recipe(), 2);
  train::TrainerOptions options;
  options.checkpoint = cache_.folder() / "small.h5";
  std::atomic<bool> stop{false};
  options.should_stop = [&] { return stop.load(); };
  options.on_epoch = [&](const train::Progress& progress) {
    if (progress.epochs != 2) return;
    cache_.append("synthetic:60,8,8,1,4,7");
    stop = true;
  };
  train(test::small_recipe(), 2, options, Trainer::Outcome::stopped);
  options.should_stop = nullptr;
  options.on_epoch = nullptr;
  options.generation = 1;  // what a run that begins here would see
  EXPECT_EQ(train(test::small_recipe(), 2, options), uninterrupted);
  EXPECT_EQ(progress_.records, 350U);
}

// The layout of the blocks changes with an append; that of the checkpoint's records counts.
TEST_F(TrainerTest, AnAppendDoesNotDisturbTheResumeOfABlockShuffledRun) {
  train::TrainerOptions options;
  options.shuffle = io::Shuffle::block;
  const std::string uninterrupted = train(test::small_recipe(), 2, options);
  options.checkpoint = cache_.folder() / "small.h5";
  std::atomic<bool> stop{false};
  options.should_stop = [&] { return stop.load(); };
  options.on_epoch = [&](const train::Progress& progress) { stop = progress.epochs == 2; };
  train(test::small_recipe(), 2, options, Trainer::Outcome::stopped);
  cache_.append("synthetic:60,8,8,1,4,7");
  options.should_stop = nullptr;
  options.on_epoch = nullptr;
  options.generation = 1;
  EXPECT_EQ(train(test::small_recipe(), 2, options), uninterrupted);
  EXPECT_EQ(progress_.images, 4 * 350);
}

TEST_F(TrainerTest, ACheckpointOfAnotherRecipeOrRankCountIsNotUsed) {
  train::TrainerOptions options;
  options.checkpoint = cache_.folder() / "small.h5";
  train(test::small_recipe(), 2, options);
  train::Recipe other = test::small_recipe();
  other.lr = 0.04;
  const std::string fresh = train(other, 2);
  EXPECT_EQ(train(other, 2, options), fresh);
  EXPECT_EQ(train(other, 1, options), train(other, 1));
}

TEST_F(TrainerTest, ACheckpointOfAnotherRunIsKeptAsideOnceThereIsANewOne) {
  const auto bytes_of = [](const std::filesystem::path& file) {
    std::ostringstream bytes;
    bytes << std::ifstream(file, std::ios::binary).rdbuf();
    return bytes.str();
  };
  train::TrainerOptions options;
  options.checkpoint = cache_.folder() / "small.h5";
  train(test::small_recipe(), 1, options);
  const std::string first = bytes_of(options.checkpoint);

  train::Recipe other = test::small_recipe();
  other.lr = 0.04;
  options.checkpoint_epochs = 100;
  options.target_accuracy = 0;
  options.on_epoch = [&](const train::Progress& progress) {
    if (progress.epochs == 1) {
      EXPECT_EQ(bytes_of(options.checkpoint), first) << "there is no other yet";
    }
  };
  train(other, 1, options);
  EXPECT_EQ(bytes_of(cache_.folder() / "small.old-1.h5"), first);
  const std::string second = bytes_of(options.checkpoint);
  EXPECT_NE(second, first);

  options.on_epoch = nullptr;
  train(test::small_recipe(), 2, options);
  EXPECT_EQ(bytes_of(cache_.folder() / "small.old-1.h5"), first);
  EXPECT_EQ(bytes_of(cache_.folder() / "small.old-2.h5"), second);
}

TEST_F(TrainerTest, ADamagedCheckpointIsRefusedAndTrainingStartsAnew) {
  train::TrainerOptions options;
  options.checkpoint = cache_.folder() / "small.h5";
  const std::string whole = train(test::small_recipe(), 1, options);
  {
    std::fstream file(options.checkpoint, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(std::filesystem::file_size(options.checkpoint) / 2));
    file.put('\x5a');
    file.put('\xa5');
  }
  EXPECT_EQ(train(test::small_recipe(), 1, options), whole);
}

TEST_F(TrainerTest, OneRanksWishStopsAll) {
  on_ranks(3, [&](comm::Communicator& group) {
    const train::Recipe recipe = test::small_recipe();
    io::Dataset dataset = cache_.open();
    nn::Model model = test::small_model(dataset, recipe);
    train::AllReduceSync sync(group);
    train::TrainerOptions options;
    options.should_stop = [&group] { return group.rank() == 2; };
    test::HostTraining training(model, recipe, dataset, sync, group, options);
    Trainer& trainer = training.trainer;
    EXPECT_EQ(trainer.run(), Trainer::Outcome::stopped);
    EXPECT_EQ(trainer.progress().epochs, 0);
  });
}

// A sync with a defect on one rank: its gradients differ in one element.
class DivergingSync : public train::AllReduceSync {
 public:
  explicit DivergingSync(comm::Communicator& group)
      : AllReduceSync(group), wrong_(group.rank() == 1) {}
  void begin(std::span<float> gradients, float weight) override {
    gradients_ = gradients;
    AllReduceSync::begin(gradients, weight);
  }
  void finish() override {
    AllReduceSync::finish();
    if (wrong_) gradients_[0] += 1e-3F;
  }

 private:
  bool wrong_;
  std::span<float> gradients_;
};

TEST_F(TrainerTest, ReplicasThatDriftApartAreNoticed) {
  try {
    on_ranks(2, [&](comm::Communicator& group) {
      const train::Recipe recipe = test::small_recipe();
      io::Dataset dataset = cache_.open();
      nn::Model model = test::small_model(dataset, recipe);
      DivergingSync sync(group);
      train::TrainerOptions options;
      test::HostTraining(model, recipe, dataset, sync, group, options).trainer.run();
    });
    FAIL() << "different replicas went unnoticed";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::internal);
    EXPECT_NE(std::string(error.what()).find("trainer 1"), std::string::npos) << error.what();
  }
}

TEST_F(TrainerTest, AccuracyIsTheSameOnAnyNumberOfRanks) {
  const train::Recipe recipe = test::small_recipe();
  std::vector<double> accuracies;
  for (const int ranks : {1, 2, 5}) {
    std::atomic<double> accuracy{-1};
    on_ranks(ranks, [&](comm::Communicator& group) {
      nn::Model model = test::small_model(dataset_, recipe);
      model.initialise(3);
      accuracy = train::evaluate(model, dataset_, io::Split::test, group).accuracy();
    });
    accuracies.push_back(accuracy);
  }
  EXPECT_EQ(accuracies[0], accuracies[1]);
  EXPECT_EQ(accuracies[0], accuracies[2]);
}

TEST_F(TrainerTest, ASnapshotRestoresTheSameBitsAndRefusesAnotherArchitecture) {
  train::Recipe recipe = test::small_recipe();
  nn::Model model = test::small_model(dataset_, recipe);
  model.initialise(5);
  const ckpt::Snapshot snapshot = train::snapshot_of(model);
  nn::Model copy = test::small_model(dataset_, recipe);
  train::restore(copy, snapshot, "memory");
  EXPECT_EQ(train::weights_xxh3(copy), train::weights_xxh3(model));

  recipe.architecture = "conv 5 3; bn; relu; pool 2; dense classes";
  nn::Model other = test::small_model(dataset_, recipe);
  EXPECT_THROW(train::restore(other, snapshot, "memory"), Error);
}

}  // namespace
}  // namespace podium
