// Checkpoints of a run: from any step, on any number of ranks, to the same bits; what is damaged is
// passed over, and what cannot be written costs no run.
#include "train/checkpoints.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <numeric>

#include "checkpoints_fixture.hpp"
#include "core/error.hpp"
#include "core/random.hpp"

namespace podium {
namespace {

namespace fs = std::filesystem;
using test::CheckpointsTest;
using test::on_ranks;
using Unit = ckpt::Interval::Unit;

// Running statistics differ between ranks within an epoch.
TEST_F(CheckpointsTest, GoesOnFromAnyStepToTheSameBits) {
  expect_the_same_in_pieces(test::small_recipe(), io::Shuffle::full);
}

TEST_F(CheckpointsTest, GoesOnWithinABlockShuffle) {
  expect_the_same_in_pieces(test::small_recipe(), io::Shuffle::block);
}

TEST_F(CheckpointsTest, GoesOnWithAveragesOfTheWeights) {
  train::Recipe recipe = test::small_recipe();
  recipe.ema = 0.9;
  recipe.ema_every = 3;
  expect_the_same_in_pieces(recipe, io::Shuffle::full);
  recipe.lookahead = true;
  expect_the_same_in_pieces(recipe, io::Shuffle::full);
}

TEST_F(CheckpointsTest, GoesOnWithTheSameDropoutMasksAndAugmentation) {
  train::Recipe recipe = test::small_recipe();
  recipe.architecture = "conv 4 3; bn; relu; pool 2; dropout 0.4; dense classes";
  recipe.flip = train::Flip::random;
  recipe.shift = 1;
  expect_the_same_in_pieces(recipe, io::Shuffle::full);
  recipe.accumulate = 2;  // two masks a step
  expect_the_same_in_pieces(recipe, io::Shuffle::full);
}

TEST_F(CheckpointsTest, SeveralRanksWriteALargeOneAndAnyNumberGoesOnFromIt) {
  const train::Recipe recipe = test::small_recipe();
  for (const int ranks : {2, 3}) {
    const std::string whole = train(recipe, ranks);
    const fs::path folder = cache_.folder() / ("parts-" + std::to_string(ranks));
    train::TrainerOptions options = every_step(folder);
    options.checkpoints.part_bytes = 100;
    EXPECT_FALSE(train_steps(recipe, ranks, options, 17));
    const auto parts = files(folder, ".h5");
    ASSERT_GE(parts.size(), static_cast<size_t>(ranks));
    EXPECT_NE(parts.back().string().find("-of-" + std::to_string(ranks)), std::string::npos);
    EXPECT_EQ(train_in_pieces(recipe, ranks, options, 5), whole);
  }
}

// Without statistics and masks of a rank's own, only the order of sums is another.
TEST_F(CheckpointsTest, AnotherNumberOfRanksSeesTheSameImagesInTheSameOrder) {
  train::Recipe recipe = test::small_recipe();
  recipe.architecture = "dense 8; relu; dense classes";
  const auto parameters_after = [&](const std::vector<int>& ranks) {
    const fs::path folder = cache_.folder() / "ranks";
    fs::remove_all(folder);
    for (const int count : ranks) {
      if (train_steps(recipe, count, every_step(folder), 15)) break;
    }
    EXPECT_EQ(progress_.images, 4 * 350);
    const ckpt::Store store(folder);
    return store.read(store.steps().front()).buffers.front().values;
  };
  const std::vector<float> alone = parameters_after({1, 1, 1, 1});
  for (const auto& ranks : std::vector<std::vector<int>>{{3, 2, 1, 1}, {1, 2, 3, 2}}) {
    const std::vector<float> other = parameters_after(ranks);
    for (size_t i = 0; i < alone.size(); ++i) ASSERT_NEAR(other[i], alone[i], 1e-3) << i;
  }
}

TEST_F(CheckpointsTest, AnotherNumberOfRanksTakesTheMeanOfTheStatisticsAndTheTotalOfTheSums) {
  const train::Recipe recipe = test::small_recipe();
  train::TrainerOptions options = every_step(cache_.folder() / "mean");
  EXPECT_FALSE(train_steps(recipe, 2, options, 16));
  const ckpt::Store store(options.checkpoints.folder);
  const ckpt::Snapshot snapshot = store.read(store.steps().front());
  const auto values = [&](const std::string& name) {
    const auto found = std::ranges::find(snapshot.buffers, name, &ckpt::NamedBuffer::name);
    EXPECT_NE(found, snapshot.buffers.end()) << name;
    return found->values;
  };
  const std::vector<float> first = values("rank.0.statistics");
  const std::vector<float> second = values("rank.1.statistics");
  EXPECT_NE(first, second) << "each has seen its own images";

  nn::Model model = test::small_model(dataset_, recipe);
  train::TrainingState state(model, recipe);
  train::restore(state, snapshot, 2, 3, "a test");
  for (size_t i = 0; i < first.size(); ++i) {
    EXPECT_FLOAT_EQ(model.statistics()[i], (first[i] + second[i]) / 2);
  }
  train::restore(state, snapshot, 1, 2, "a test");
  EXPECT_TRUE(std::ranges::equal(model.statistics(), second));
  double images = 0;
  for (int rank = 0; rank < 3; ++rank) {
    images += train::point_of(snapshot.card, rank, 3, "a test").sums.images;
  }
  EXPECT_EQ(images, 5 * 32) << "steps 12 to 16, of the second epoch";
  EXPECT_TRUE(train_steps(recipe, 3, options, 1000));
  EXPECT_GT(progress_.val_accuracy, 0.9);
}

TEST_F(CheckpointsTest, ADamagedNewestIsPassedOverForTheOneBefore) {
  const train::Recipe recipe = test::small_recipe();
  const std::string whole = train(recipe, 2);
  train::TrainerOptions options = every_step(cache_.folder() / "damaged");
  EXPECT_FALSE(train_steps(recipe, 2, options, 20));
  EXPECT_FALSE(train_steps(recipe, 2, options, 5));
  damage(files(options.checkpoints.folder, ".h5").back());

  testing::internal::CaptureStderr();
  options.log = Log(LogLevel::info, "test");
  EXPECT_TRUE(train_steps(recipe, 2, options, 1000));
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_EQ(hash_, whole);
  EXPECT_NE(log.find("the checkpoint is refused: "), std::string::npos) << log;
  EXPECT_NE(log.find("step-000000025.h5"), std::string::npos) << log;
  EXPECT_NE(log.find("goes on after epoch"), std::string::npos) << log;
  EXPECT_TRUE(fs::exists(options.checkpoints.folder / "refused" / "step-000000025.h5"));
}

TEST_F(CheckpointsTest, WhenAllAreDamagedTrainingStartsAnewAndKeepsThemAside) {
  const train::Recipe recipe = test::small_recipe();
  const std::string whole = train(recipe, 1);
  train::TrainerOptions options = every_step(cache_.folder() / "damaged");
  EXPECT_FALSE(train_steps(recipe, 1, options, 20));
  for (const fs::path& marker : files(options.checkpoints.folder, ".json")) damage(marker);
  EXPECT_TRUE(train_steps(recipe, 1, options, 1000));
  EXPECT_EQ(hash_, whole);
  EXPECT_TRUE(fs::exists(cache_.folder() / "damaged.old-1"));
}

TEST_F(CheckpointsTest, AFailedSaveCostsNoRunUnlessItIsTheLastOfAStop) {
  const train::Recipe recipe = test::small_recipe();
  const std::string whole = train(recipe, 2);
  for (const bool stops : {false, true}) {
    const fs::path folder = cache_.folder() / "lost";
    fs::remove_all(folder);
    train::TrainerOptions options = every_step(folder);
    options.on_epoch = [&](const train::Progress& progress) {
      if (progress.epochs != 2) return;
      while (fs::exists(folder)) {  // a save may be under way
        std::error_code ignored;
        fs::remove_all(folder, ignored);
      }
      std::ofstream{folder} << "a file";
    };
    if (!stops) {
      EXPECT_TRUE(train_steps(recipe, 2, options, 1000));
      EXPECT_EQ(hash_, whole);
      continue;
    }
    try {
      train_steps(recipe, 2, options, 30);
      FAIL() << "the last checkpoint is nowhere";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::io);
      EXPECT_NE(std::string(error.what()).find(folder.string()), std::string::npos) << error.what();
    }
  }
}

TEST_F(CheckpointsTest, TheBestAndOneOfEachStretchStay) {
  train::TrainerOptions options;
  options.checkpoints.folder = cache_.folder() / "kept";
  options.checkpoints.retention = {1, false, {Unit::epochs, 2}};
  train(test::small_recipe(), 2, options);
  // A save that falls due while another is written is taken later.
  const std::vector<int64_t> steps = ckpt::Store(options.checkpoints.folder).steps();
  ASSERT_FALSE(steps.empty());
  EXPECT_LE(steps.size(), 2U);
  EXPECT_EQ(steps.front(), 44);
  EXPECT_GE(steps.back(), 22);
}

TEST_F(CheckpointsTest, OnePartOfSeveralIsNoModel) {
  const train::Recipe recipe = test::small_recipe();
  const fs::path folder = cache_.folder() / "parts";
  train::TrainerOptions options = every_step(folder);
  options.checkpoints.part_bytes = 100;
  train_steps(recipe, 2, options, 3);
  const fs::path part = files(folder, ".h5").back();
  nn::Model model = test::small_model(cache_.open(), recipe);
  try {
    train::restore_for_use(model, ckpt::read_snapshot(part), part.string());
    FAIL() << "a model was made of " << part;
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("one part"), std::string::npos) << error.what();
  }
}

TEST_F(CheckpointsTest, ACheckpointOfAnEarlierPodiumIsLeftAlone) {
  const train::Recipe recipe = test::small_recipe();
  const fs::path old = cache_.folder() / "small.h5";
  std::ofstream{old} << "an old one";
  testing::internal::CaptureStderr();
  train::TrainerOptions options = every_step(cache_.folder() / "small");
  options.log = Log(LogLevel::warning, "test");
  EXPECT_TRUE(train_steps(recipe, 1, options, 1000));
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_NE(log.find("leaves " + old.string()), std::string::npos) << log;
  EXPECT_TRUE(fs::exists(old));
}

}  // namespace
}  // namespace podium
