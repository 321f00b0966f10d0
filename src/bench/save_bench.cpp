#include "bench/save_bench.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>

#include "bench/bench_model.hpp"
#include "bench/samples.hpp"
#include "comm/inproc/inproc_world.hpp"
#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "io/loader/batch_range.hpp"
#include "train/allreduce_sync.hpp"
#include "train/checkpoints.hpp"
#include "train/host_engine.hpp"
#include "train/loss_watch.hpp"

namespace podium::bench {
namespace {

namespace fs = std::filesystem;
using train::Checkpoints;

// The schedule rises from small rates over a run that never ends: a diverged model computes with
// numbers that are no numbers.
constexpr double peak_rate = 0.01;
constexpr int64_t steps_of_run = 1'000'000'000;
constexpr int warm_up_steps = 20;

// One model in training, with checkpoints where they are asked for.
class SavedTraining {
 public:
  SavedTraining(const io::Dataset& dataset, const train::Recipe& recipe,
                const SaveBenchOptions& options, fs::path folder)
      : dataset_(dataset),
        folder_(std::move(folder)),
        model_(model_for(dataset.info(), recipe, options.device, options.threads, recipe.batch)),
        state_(model_, recipe),
        world_(1),
        group_(world_.communicator(0)),
        engine_(state_, dataset, sync_),
        every_(options.every),
        log_(options.log) {
    data_.batch = static_cast<size_t>(recipe.batch);
    data_.seed = recipe.seed;
    for (int i = 0; i < warm_up_steps; ++i) step();
  }

  // Milliseconds a step, over a stretch of about so many seconds.
  double plain(double seconds) {
    return stretch(
        seconds, [] {}, [] {});
  }

  double saved(double seconds) {
    fs::remove_all(folder_);
    train::CheckpointOptions options;
    options.folder = folder_;
    options.every = every_;
    Checkpoints checkpoints(state_, *group_, options, log_);
    checkpoints.resume([this](uint64_t) { return identity(); });
    int64_t voted = step_;
    const auto save = [&] {
      const bool due = step_ - voted >= static_cast<int64_t>(train::LossWatch::window) ||
                       checkpoints.due_at(step_) || epoch_step_ == 0;
      if (!due) return;
      voted = step_;
      std::array<double, Checkpoints::votes> votes{};
      checkpoints.vote(votes);
      checkpoints.count(votes);
      const int64_t before = saves_;
      const Stopwatch watch;
      checkpoints.proceed(point(), [this] {
        ++saves_;
        return identity();
      });
      if (saves_ > before) pauses_.add(watch.milliseconds());
    };
    return stretch(seconds, save, [&] { checkpoints.settle(); });
  }

  std::string note() const {
    const double bytes = 2.0 * 4 * static_cast<double>(model_.parameter_count());
    if (saves_ == 0) return "no checkpoint fell due: give more --bench.seconds";
    return format("theirs: without; %lld checkpoints of %.1f MB, each a pause of %.2f ms",
                  static_cast<long long>(saves_), bytes * 1e-6, pauses_.median());
  }

 private:
  template <typename After, typename End>
  double stretch(double seconds, const After& after, const End& end) {
    const Stopwatch watch;
    int64_t steps = 0;
    do {
      step();
      ++steps;
      after();
    } while (watch.seconds() < seconds);
    end();
    return watch.milliseconds() / static_cast<double>(steps);
  }

  void step() {
    if (epoch_step_ == 0) {
      engine_.start_epoch({static_cast<uint64_t>(epoch_), step_, steps_of_run,
                           nn::OneCycle(peak_rate, steps_of_run), data_});
    }
    engine_.advance();
    ++step_;
    const size_t of_epoch = io::steps_of(dataset_.size(io::Split::train), data_.batch);
    if (++epoch_step_ < static_cast<int64_t>(of_epoch)) return;
    epoch_step_ = 0;
    ++epoch_;
  }

  train::TrainingPoint point() const {
    train::TrainingPoint point;
    point.progress.epochs = epoch_;
    point.step = step_;
    point.epoch_step = epoch_step_;
    return point;
  }

  train::TrainingIdentity identity() const { return {state_.recipe, "bench"}; }

  const io::Dataset& dataset_;
  fs::path folder_;
  nn::Model model_;
  train::TrainingState state_;
  train::NoSync sync_;
  comm::InprocWorld world_;
  std::unique_ptr<comm::Communicator> group_;
  train::HostEngine engine_;
  ckpt::Interval every_;
  Log log_;
  io::LoaderOptions data_;
  int epoch_ = 0;
  int64_t epoch_step_ = 0;
  int64_t step_ = 0;
  int64_t saves_ = 0;
  Samples pauses_;
};

Row compare(const io::Dataset& dataset, const train::Recipe& recipe,
            const SaveBenchOptions& options, const fs::path& folder) {
  SavedTraining training(dataset, recipe, options, folder / recipe.name);
  const std::vector<Samples> samples =
      alternate(options.repetitions, {[&] { return training.saved(options.seconds); },
                                      [&] { return training.plain(options.seconds); }});
  Row row{recipe.name + ", a step", "ms", samples[0].median(), samples[0].spread()};
  row.theirs = samples[1].median();
  row.ratio = *row.theirs / row.ours;
  row.note = format("%+.2f %%; ", 100 * (row.ours / *row.theirs - 1)) + training.note();
  return row;
}

}  // namespace

std::vector<Row> bench_save(const io::Dataset& dataset, const SaveBenchOptions& options) {
  if (options.every.unit == ckpt::Interval::Unit::never) {
    throw usage_error("there is nothing to measure", "--ckpt.every=never",
                      "write for instance --ckpt.every=1s");
  }
  const fs::path folder = options.folder / ("podium-bench-save-" + std::to_string(getpid()));
  std::vector<Row> rows;
  for (const train::Recipe& recipe : options.models) {
    rows.push_back(compare(dataset, recipe, options, folder));
  }
  std::error_code ignored;  // it is a scratch folder
  fs::remove_all(folder, ignored);
  return rows;
}

}  // namespace podium::bench
