#include "bench/group_training.hpp"

#include "bench/bench_model.hpp"
#include "core/clock.hpp"
#include "train/step_engines.hpp"

namespace podium::bench {
namespace {

// The schedule rises from small rates over a run that never ends: a diverged model computes with
// numbers that are no numbers.
constexpr double peak_rate = 0.01;
constexpr int64_t steps_of_run = 1'000'000'000;

// The images a rank computes on together.
int largest_share(const train::Recipe& recipe, const comm::Communicator& group) {
  const int share = (recipe.batch + group.size() - 1) / group.size();
  return (share + recipe.accumulate - 1) / recipe.accumulate;
}

io::LoaderOptions loader_options(const train::Recipe& recipe, const TrainingHow& how,
                                 const comm::Communicator& group) {
  io::LoaderOptions options;
  options.batch = static_cast<size_t>(recipe.batch);
  options.rank = static_cast<size_t>(group.rank());
  options.world = static_cast<size_t>(group.size());
  options.seed = recipe.seed;
  options.shuffle = how.shuffle;
  options.threads = how.prefetch_threads;
  options.augmentation = train::augmentation_of(recipe);
  return options;
}

Lane lane_of(const TrainingHow& how, const char* name) {
  return how.tracer == nullptr ? Lane() : how.tracer->lane(name);
}

}  // namespace

struct GroupTraining::Parts {
  Parts(const io::Dataset& dataset, const train::Recipe& recipe, const TrainingHow& how,
        comm::Communicator& group, const Log& log)
      : model(model_for(dataset.info(), recipe, how.device, how.threads,
                        largest_share(recipe, group))),
        state(model, recipe),
        sync(train::make_gradient_sync({group, how.device.gpu, model.gradients().size(),
                                        nn::layer_starts(model.buffers()), how.exchange, log,
                                        nullptr, lane_of(how, "AllReduce")})),
        engine(train::make_step_engine(
            {state, dataset, *sync, group, how.shuffle, nullptr, lane_of(how, "train")}, log)),
        data(loader_options(recipe, how, group)) {}

  void start_epoch() {
    engine->start_epoch({epoch++, step, steps_of_run, nn::OneCycle(peak_rate, steps_of_run), data});
  }

  nn::Model model;
  train::TrainingState state;
  std::unique_ptr<train::GradientSync> sync;
  std::unique_ptr<train::StepEngine> engine;
  io::LoaderOptions data;
  uint64_t epoch = 0;
  int64_t step = 0;
};

GroupTraining::GroupTraining(const io::Dataset& dataset, const train::Recipe& recipe,
                             const TrainingHow& how, comm::Communicator& group, const Log& log)
    : parts_(std::make_unique<Parts>(dataset, recipe, how, group, log)) {
  parts_->start_epoch();
}

GroupTraining::~GroupTraining() = default;
GroupTraining::GroupTraining(GroupTraining&&) noexcept = default;

Stretch GroupTraining::take(int64_t steps) {
  const train::WallTime before = parts_->engine->times();
  const Stopwatch watch;
  Stretch stretch;
  while (stretch.steps < steps) {
    const auto taken = parts_->engine->advance();
    if (taken.empty()) parts_->start_epoch();
    for (const train::Step& step : taken) stretch.images += static_cast<double>(step.images_of_all);
    stretch.steps += static_cast<int64_t>(taken.size());
    parts_->step += static_cast<int64_t>(taken.size());
  }
  stretch.seconds = watch.seconds();
  stretch.times = parts_->engine->times() - before;
  return stretch;
}

}  // namespace podium::bench
