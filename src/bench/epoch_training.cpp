#include "bench/epoch_training.hpp"

#include "bench/bench_model.hpp"
#include "comm/inproc/inproc_world.hpp"
#include "core/clock.hpp"
#include "io/loader/batch_range.hpp"
#include "train/allreduce_sync.hpp"
#include "train/step_engines.hpp"

namespace podium::bench {
namespace {

constexpr int warm_up_epochs = 2;

// The schedule rises from small rates over a run that never ends: a diverged model computes with
// numbers that are no numbers.
constexpr double peak_rate = 0.01;
constexpr int64_t steps_of_run = 1'000'000'000;

train::Recipe with_batch(train::Recipe recipe, int batch) {
  recipe.batch = batch;
  return recipe;
}

}  // namespace

struct EpochTraining::Parts {
  Parts(const io::Dataset& a_dataset, const train::Recipe& recipe, const DeviceChoice& device,
        int batch, const Log& log)
      : dataset(a_dataset),
        model(model_for(dataset.info(), recipe, device, 1, batch)),
        state(model, with_batch(recipe, batch)),
        world(1),
        group(world.communicator(0)),
        engine(train::make_step_engine({state, dataset, sync, *group, io::Shuffle::full}, log)) {}

  // Returns how many images there were.
  size_t train_epoch() {
    io::LoaderOptions data;
    data.batch = static_cast<size_t>(state.recipe.batch);
    data.seed = state.recipe.seed;
    data.shuffle = io::Shuffle::full;
    engine->start_epoch({epoch++, step, steps_of_run, nn::OneCycle(peak_rate, steps_of_run), data});
    size_t images = 0;
    for (auto steps = engine->advance(); !steps.empty(); steps = engine->advance()) {
      for (const train::Step& taken : steps) images += taken.images;
      step += static_cast<int64_t>(steps.size());
    }
    return images;
  }

  const io::Dataset& dataset;
  nn::Model model;
  train::TrainingState state;
  train::NoSync sync;
  comm::InprocWorld world;
  std::unique_ptr<comm::Communicator> group;
  std::unique_ptr<train::StepEngine> engine;
  uint64_t epoch = 0;
  int64_t step = 0;
};

EpochTraining::EpochTraining(const io::Dataset& dataset, const train::Recipe& recipe,
                             const DeviceChoice& device, int batch, const Log& log)
    : parts_(std::make_unique<Parts>(dataset, recipe, device, batch, log)) {
  for (int i = 0; i < warm_up_epochs; ++i) parts_->train_epoch();
}

EpochTraining::~EpochTraining() = default;
EpochTraining::EpochTraining(EpochTraining&&) noexcept = default;

int64_t EpochTraining::flops_per_image() const {
  return parts_->model.flops_per_image();
}

double EpochTraining::pace(double seconds) {
  const Stopwatch watch;
  size_t images = 0;
  do {
    images += parts_->train_epoch();
  } while (watch.seconds() < seconds);
  return static_cast<double>(images) / watch.seconds();
}

}  // namespace podium::bench
