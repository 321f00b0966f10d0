// What tests of checkpoints share: runs whose every step can be their last.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "core/random.hpp"
#include "train/checkpoints.hpp"
#include "training_fixture.hpp"

namespace podium::test {

class CheckpointsTest : public TrainingTest {
 protected:
  static train::TrainerOptions every_step(const std::filesystem::path& folder) {
    train::TrainerOptions options;
    options.checkpoints.folder = folder;
    options.checkpoints.every = {ckpt::Interval::Unit::steps, 1};
    options.checkpoints.retention.newest = 3;
    options.log = Log(LogLevel::error, "test");
    return options;
  }

  // Trains for so many more steps, or to the end; returns whether that was reached.
  bool train_steps(const train::Recipe& recipe, int ranks, train::TrainerOptions options,
                   int steps) {
    std::atomic<bool> finished{false};
    on_ranks(ranks, [&](comm::Communicator& group) {
      io::Dataset dataset = cache_.open();
      nn::Model model = small_model(dataset, recipe);
      train::AllReduceSync sync(group);
      train::TrainerOptions mine = options;
      int taken = 0;  // each is followed by an agreement
      mine.should_stop = [&] { return ++taken >= steps; };
      HostTraining training(model, recipe, dataset, sync, group, mine);
      finished = training.trainer.run() == train::Trainer::Outcome::finished;
      if (group.rank() != 0) return;
      hash_ = train::weights_xxh3(model);
      progress_ = training.trainer.progress();
    });
    return finished;
  }

  // Trains with stops at random steps; returns the hash in the end.
  std::string train_in_pieces(const train::Recipe& recipe, int ranks,
                              const train::TrainerOptions& options, uint64_t seed) {
    Random random(seed);
    int pieces = 1;
    while (!train_steps(recipe, ranks, options, 1 + static_cast<int>(random.below(20)))) {
      if (++pieces > 44) throw internal_error("the run makes no progress", "a test");
    }
    EXPECT_GT(pieces, 2);
    return hash_;
  }

  void expect_the_same_in_pieces(const train::Recipe& recipe, io::Shuffle shuffle) {
    for (const int ranks : {1, 2, 3}) {
      train::TrainerOptions plain;
      plain.shuffle = shuffle;
      const std::string whole = train(recipe, ranks, plain);
      const train::Progress all = progress_;
      const std::filesystem::path folder = cache_.folder() / ("pieces-" + std::to_string(ranks));
      train::TrainerOptions options = every_step(folder);
      options.shuffle = shuffle;
      EXPECT_EQ(train_in_pieces(recipe, ranks, options, static_cast<uint64_t>(ranks)), whole)
          << ranks << " ranks";
      EXPECT_EQ(progress_.loss, all.loss);
      EXPECT_EQ(progress_.train_accuracy, all.train_accuracy);
      EXPECT_EQ(progress_.val_accuracy, all.val_accuracy);
      EXPECT_EQ(progress_.images, all.images);
      std::filesystem::remove_all(folder);
    }
  }

  // The parts and markers that are there, the newest last.
  static std::vector<std::filesystem::path> files(const std::filesystem::path& folder,
                                                  const char* extension) {
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      if (entry.path().extension() == extension) paths.push_back(entry.path());
    }
    std::ranges::sort(paths);
    return paths;
  }

  static void damage(const std::filesystem::path& path) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(std::filesystem::file_size(path) / 2));
    file.put('\x5a');
    file.put('\xa5');
  }

  std::string hash_;
};

}  // namespace podium::test
