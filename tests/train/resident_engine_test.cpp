// The resident engine against the host's over the same GPU, against the CPU, and in a whole run.
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>

#include "core/error.hpp"
#include "gpu_training.hpp"

namespace podium {
namespace {

using test::distance;
using test::on_ranks;
using test::Share;

class ResidentEngineTest : public test::GpuTrainingTest {
 protected:
  // Both engines run the same kernels on the same bits; sums of a few more products may differ.
  void expect_same(const Run& host, const Run& resident) {
    ASSERT_EQ(host.steps.size(), resident.steps.size());
    for (size_t i = 0; i < host.steps.size(); ++i) {
      const train::Step& a = host.steps[i];
      const train::Step& b = resident.steps[i];
      EXPECT_EQ(a.step, b.step);
      EXPECT_EQ(a.lr, b.lr);
      EXPECT_EQ(a.images, b.images);
      EXPECT_EQ(a.images_of_all, b.images_of_all);
      EXPECT_NEAR(a.loss_sum, b.loss_sum, 1e-5 * std::abs(a.loss_sum)) << "step " << i;
      EXPECT_NEAR(a.correct, b.correct, 1) << "step " << i;
    }
    EXPECT_LT(distance(host.parameters, resident.parameters), 1e-4);
    if (!host.average.empty()) {
      EXPECT_LT(distance(host.average, resident.average), 1e-4);
    }
    RecordProperty("equal_bits", host.hash == resident.hash ? 1 : 0);
  }

  // Trains on the GPU by the loop, as users do.
  std::string train_by_loop(const train::Recipe& recipe, train::TrainerOptions options,
                            train::Trainer::Outcome expected) {
    std::string hash;
    on_ranks(1, [&](comm::Communicator& group) {
      cuda::use_device(gpu_.gpu);
      io::Dataset dataset = cache_.open();
      nn::Model model = gpu_model(dataset, recipe);
      train::TrainingState state(model, recipe);
      train::NoSync sync;
      train::ResidentEngine made =
          train::make_resident_engine({state, dataset, sync, group, io::Shuffle::full});
      ASSERT_TRUE(made.engine) << made.why_not;
      options.shuffle = io::Shuffle::full;
      train::Trainer trainer(state, dataset, *made.engine, group, options);
      EXPECT_EQ(trainer.run(), expected);
      hash = train::weights_xxh3(model);
      progress_ = trainer.progress();
    });
    return hash;
  }
};

// Eleven steps an epoch, the last with 30 images: the tail runs call by call in the first epoch, is
// recorded in the second and replayed in the third.
TEST_F(ResidentEngineTest, TakesTheStepsOfTheHost) {
  const train::Recipe recipe = test::small_recipe();
  const Run resident = train_on_gpu(recipe, By::resident);
  EXPECT_EQ(resident.steps.size(), 44U);
  EXPECT_EQ(resident.steps.back().images, 30U);
  expect_same(train_on_gpu(recipe, By::host), resident);
}

TEST_F(ResidentEngineTest, AugmentsAsTheHostDoes) {
  const io::Augmentation augmentation{true, 1, 4, 0.5};
  const train::Recipe recipe = test::small_recipe();
  expect_same(train_on_gpu(recipe, By::host, augmentation),
              train_on_gpu(recipe, By::resident, augmentation));
}

TEST_F(ResidentEngineTest, AveragesAsTheHostDoes) {
  train::Recipe recipe = test::small_recipe();
  recipe.ema = 0.9;
  recipe.ema_every = 3;
  expect_same(train_on_gpu(recipe, By::host), train_on_gpu(recipe, By::resident));
  recipe.lookahead = true;
  expect_same(train_on_gpu(recipe, By::host), train_on_gpu(recipe, By::resident));
}

// Gradients are weighted by the share of the images; with none they are zero.
TEST_F(ResidentEngineTest, TakesAShareOfEachBatchAsTheHostDoes) {
  const train::Recipe recipe = test::small_recipe();
  for (const Share& share : {Share{1, 3}, Share{39, 40}, Share{0, 40}}) {
    const Run resident = train_on_gpu(recipe, By::resident, {}, share);
    EXPECT_EQ(resident.steps.front().images_of_all, 32U);
    EXPECT_EQ(resident.steps.front().images,
              32 * (share.rank + 1) / share.world - 32 * share.rank / share.world);
    expect_same(train_on_gpu(recipe, By::host, {}, share), resident);
  }
}

TEST_F(ResidentEngineTest, DrawsTheDropoutMasksOfTheHost) {
  train::Recipe recipe = test::small_recipe();
  recipe.architecture = "conv 4 3; relu; pool 2; dropout 0.4; dense classes";
  expect_same(train_on_gpu(recipe, By::host), train_on_gpu(recipe, By::resident));
}

TEST_F(ResidentEngineTest, TrainsResidualNetworksAndBf16) {
  train::Recipe recipe = test::small_recipe();
  recipe.architecture = "conv 8 3; bn; relu; res 8 1; res 16 2; gap; dense classes";
  expect_same(train_on_gpu(recipe, By::host), train_on_gpu(recipe, By::resident));
  recipe.numerics.precision = nn::Precision::bf16;
  expect_same(train_on_gpu(recipe, By::host), train_on_gpu(recipe, By::resident));
}

TEST_F(ResidentEngineTest, EqualSeedsGiveEqualBitsAndOtherSeedsDoNot) {
  train::Recipe recipe = test::small_recipe();
  const io::Augmentation augmentation{true, 1, 4, 0.5};
  const std::string first = train_on_gpu(recipe, By::resident, augmentation).hash;
  EXPECT_EQ(train_on_gpu(recipe, By::resident, augmentation).hash, first);
  recipe.seed = 2;
  EXPECT_NE(train_on_gpu(recipe, By::resident, augmentation).hash, first);
}

// One step on all images. The CPU's gradients are those of exact fp32.
TEST_F(ResidentEngineTest, GradientsOfTheFirstStepAreTheCpus) {
  train::Recipe recipe = test::small_recipe();
  recipe.batch = 350;
  recipe.epochs = 1;
  recipe.numerics.rounding = nn::Rounding::exact;
  const auto gradients = [&](bool on_gpu) {
    std::vector<float> result;
    on_ranks(1, [&](comm::Communicator& group) {
      cuda::use_device(gpu_.gpu);
      nn::Model model = on_gpu ? gpu_model(dataset_, recipe)
                               : nn::Model(test::small_card(dataset_, recipe),
                                           nn::make_cpu_ops(1, recipe.numerics), recipe.batch);
      train::TrainingState state(model, recipe);
      train::NoSync sync;
      const auto engine = make_engine(on_gpu ? By::resident : By::host, state, sync, group);
      io::LoaderOptions data;
      data.batch = 350;
      data.shuffle = io::Shuffle::full;
      engine->start_epoch({0, 0, 1, nn::OneCycle(recipe.lr, 1), data});
      EXPECT_EQ(engine->advance().size(), 1U);
      const std::span<float> all = model.gradients();
      result.assign(all.begin(), all.end());
    });
    return result;
  };
  EXPECT_LT(distance(gradients(false), gradients(true)), 1e-4);
}

TEST_F(ResidentEngineTest, LearnsInTheLoopAndResumesToTheSameBits) {
  const train::Recipe recipe = test::small_recipe();
  const std::string uninterrupted = train_by_loop(recipe, {}, train::Trainer::Outcome::finished);
  EXPECT_GT(progress_.val_accuracy, 0.9);
  EXPECT_EQ(progress_.images, 4 * 350);
  train::TrainerOptions options;
  options.checkpoints.folder = cache_.folder() / "small";
  std::atomic<int> checks{0};
  options.should_stop = [&] { return ++checks == 2; };  // once an epoch
  train_by_loop(recipe, options, train::Trainer::Outcome::stopped);
  EXPECT_EQ(progress_.epochs, 2);
  options.should_stop = nullptr;
  EXPECT_EQ(train_by_loop(recipe, options, train::Trainer::Outcome::finished), uninterrupted);
}

// It pauses where a save may be due, and begins in the middle of an epoch.
TEST_F(ResidentEngineTest, ResumesInTheMiddleOfAnEpochToTheSameBits) {
  train::Recipe recipe = test::small_recipe();
  recipe.architecture = "conv 4 3; bn; relu; pool 2; dropout 0.4; dense classes";
  recipe.ema = 0.9;
  recipe.shift = 1;
  const std::string uninterrupted = train_by_loop(recipe, {}, train::Trainer::Outcome::finished);
  train::TrainerOptions options;
  options.checkpoints.folder = cache_.folder() / "small";
  options.checkpoints.every = {ckpt::Interval::Unit::steps, 4};
  std::atomic<int> checks{0};
  options.should_stop = [&] { return ++checks == 5; };  // after 4, 8, 11, 12 and 16 steps
  train_by_loop(recipe, options, train::Trainer::Outcome::stopped);
  EXPECT_EQ(ckpt::Store(options.checkpoints.folder).steps().front(), 16);
  options.should_stop = nullptr;
  EXPECT_EQ(train_by_loop(recipe, options, train::Trainer::Outcome::finished), uninterrupted);
}

TEST_F(ResidentEngineTest, TakesUpWhatIsAppended) {
  train::TrainerOptions options;
  options.follow = true;
  std::vector<uint64_t> records;
  options.on_epoch = [&](const train::Progress& progress) {
    records.push_back(progress.records);
    if (progress.epochs == 2) cache_.append("synthetic:60,8,8,1,4,7");
  };
  train_by_loop(test::small_recipe(), options, train::Trainer::Outcome::finished);
  EXPECT_EQ(records, (std::vector<uint64_t>{350, 350, 410, 410}));
  EXPECT_EQ(progress_.images, 2 * 350 + 2 * 410);
  EXPECT_GT(progress_.val_accuracy, 0.9);
}

TEST_F(ResidentEngineTest, ARunThatDivergesIsNoticed) {
  train::Recipe recipe = test::small_recipe();
  recipe.lr = 1e20;
  try {
    train_by_loop(recipe, {}, train::Trainer::Outcome::finished);
    FAIL() << "nobody noticed";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::usage) << error.what();
  }
}

TEST_F(ResidentEngineTest, LeavesBlockShufflesToTheHost) {
  on_ranks(1, [&](comm::Communicator& group) {
    cuda::use_device(gpu_.gpu);
    const train::Recipe recipe = test::small_recipe();
    nn::Model model = gpu_model(dataset_, recipe);
    train::TrainingState state(model, recipe);
    train::NoSync sync;
    const train::ResidentEngine made =
        train::make_resident_engine({state, dataset_, sync, group, io::Shuffle::block});
    EXPECT_FALSE(made.engine);
    EXPECT_FALSE(made.why_not.empty());
  });
}

}  // namespace
}  // namespace podium
