// A small synthetic data set in a real cache, and ranks as threads that train on it.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "comm/inproc/inproc_world.hpp"
#include "io/cache/ingest.hpp"
#include "io/loader/dataset.hpp"
#include "nn/cpu/cpu_ops.hpp"
#include "nn/model.hpp"
#include "nn/ops.hpp"
#include "temporary_folder.hpp"
#include "train/allreduce_sync.hpp"
#include "train/evaluation.hpp"
#include "train/host_engine.hpp"
#include "train/model_snapshot.hpp"
#include "train/trainer.hpp"

namespace podium::test {

// By default 400 images 8x8 in 4 classes, of which 50 are set aside for validation.
class SyntheticCache {
 public:
  explicit SyntheticCache(std::string source = "synthetic:400,8,8,1,4")
      : source_(std::move(source)) {
    ingest({});
  }

  // Adds the train records of another source.
  void append(const std::string& source) const { ingest(source); }

  io::Dataset open(const io::DatasetOptions& options = {}) const {
    return io::Dataset::open(path_, options);
  }
  const std::filesystem::path& folder() const { return folder_.path(); }

 private:
  void ingest(const std::optional<std::string>& append) const {
    io::IngestOptions options;
    options.source = source_;
    options.cache_dir = folder_.path();
    options.validation_records = 50;
    options.append = append;
    options.log = Log(LogLevel::error, "test");
    io::Ingest ingest(options);
    const io::Decision decision = ingest.decide();
    path_ = decision.path;
    if (decision.plan) ingest.finish({ingest.write_part(*decision.plan, 0, 1)});
  }

  std::string source_;
  TemporaryFolder folder_;
  mutable std::filesystem::path path_;
};

inline train::Recipe small_recipe() {
  train::Recipe recipe;
  recipe.name = "small";
  recipe.architecture = "conv 4 3; bn; relu; pool 2; dense classes";
  recipe.epochs = 4;
  recipe.batch = 32;
  recipe.lr = 0.05;
  return recipe;
}

inline nn::ModelCard small_card(const io::Dataset& dataset, const train::Recipe& recipe) {
  const io::DatasetInfo& info = dataset.info();
  nn::ModelCard card;
  card.name = recipe.name;
  card.architecture = recipe.architecture;
  card.image.channels = static_cast<int>(info.channels);
  card.image.height = static_cast<int>(info.height);
  card.image.width = static_cast<int>(info.width);
  card.classes = static_cast<int>(info.classes);
  card.class_names = info.class_names;
  card.preprocess = {{info.mean.begin(), info.mean.end()},
                     {info.stddev.begin(), info.stddev.end()}};
  return card;
}

inline nn::Model small_model(const io::Dataset& dataset, const train::Recipe& recipe) {
  return {small_card(dataset, recipe), nn::make_cpu_ops(1), recipe.batch};
}

// A trainer whose steps are taken by the host.
struct HostTraining {
  HostTraining(nn::Model& model, const train::Recipe& recipe, io::Dataset& dataset,
               train::GradientSync& sync, comm::Communicator& group, train::TrainerOptions options)
      : state(model, recipe),
        engine(state, dataset, sync),
        trainer(state, dataset, engine, group, std::move(options)) {}

  train::TrainingState state;
  train::HostEngine engine;
  train::Trainer trainer;
};

// Runs `body(group, rank)` on `ranks` threads; the first exception of any is thrown again here.
inline void on_ranks(int ranks, const std::function<void(comm::Communicator&)>& body) {
  comm::InprocWorld world(ranks);
  std::vector<std::thread> threads;
  std::mutex mutex;
  std::exception_ptr first;
  for (int rank = 0; rank < ranks; ++rank) {
    threads.emplace_back([&, rank] {
      try {
        const std::unique_ptr<comm::Communicator> group = world.communicator(rank);
        group->set_policy({std::chrono::seconds(20), Backoff::Kind::hot});
        body(*group);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!first) first = std::current_exception();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  if (first) std::rethrow_exception(first);
}

// Trains recipes on a SyntheticCache.
class TrainingTest : public testing::Test {
 protected:
  // Trains `recipe` on `ranks` ranks and returns the hash of the weights of rank 0.
  std::string train(const train::Recipe& recipe, int ranks, train::TrainerOptions options = {},
                    train::Trainer::Outcome expected = train::Trainer::Outcome::finished) {
    std::string hash;
    on_ranks(ranks, [&](comm::Communicator& group) {
      io::Dataset dataset = cache_.open();
      nn::Model model = small_model(dataset, recipe);
      train::AllReduceSync sync(group);
      train::TrainerOptions mine = options;
      if (group.rank() != 0) mine.mlperf = nullptr;
      HostTraining training(model, recipe, dataset, sync, group, mine);
      train::Trainer& trainer = training.trainer;
      EXPECT_EQ(trainer.run(), expected);
      const double accuracy =
          train::evaluate(model, dataset, io::Split::validation, group).accuracy();
      if (group.rank() != 0) return;
      hash = train::weights_xxh3(model);
      progress_ = trainer.progress();
      reached_ = trainer.reached_target();
      kept_accuracy_ = accuracy;
    });
    return hash;
  }

  const SyntheticCache cache_;
  const io::Dataset dataset_ = cache_.open();
  train::Progress progress_;
  bool reached_ = false;
  double kept_accuracy_ = 0;  // on validation, of what the model holds in the end
};

}  // namespace podium::test
