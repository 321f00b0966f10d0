#include "search/child_training.hpp"

#include <algorithm>
#include <new>
#include <vector>

#include "comm/inproc/inproc_world.hpp"
#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "nn/backend.hpp"
#include "train/gradient_syncs.hpp"
#include "train/recipe_check.hpp"
#include "train/step_engines.hpp"
#include "train/trainer.hpp"

namespace podium::search {
namespace {

nn::Model make_model(const train::Recipe& recipe, const io::DatasetInfo& data,
                     const ChildOptions& options, int batch) {
  nn::ModelCard card;
  card.name = recipe.name;
  card.architecture = recipe.architecture;
  card.image = {static_cast<int>(data.channels), static_cast<int>(data.height),
                static_cast<int>(data.width)};
  card.classes = static_cast<int>(data.classes);
  card.class_names = data.class_names;
  card.preprocess = {{data.mean.begin(), data.mean.end()},
                     {data.stddev.begin(), data.stddev.end()}};
  card.mirror = recipe.mirror;
  return {std::move(card), nn::make_ops(options.device, options.threads, recipe.numerics), batch};
}

// The images that are computed on together.
int micro_batch(const train::Recipe& recipe, const io::Dataset& dataset) {
  const auto records = static_cast<int>(dataset.size(io::Split::train));
  const int batch = std::min(recipe.batch, std::max(1, records));
  return (batch + recipe.accumulate - 1) / recipe.accumulate;
}

// What is seen of a child while it trains.
class Watch {
 public:
  Watch(const ChildOptions& options, size_t classes, const ChildHooks& hooks)
      : options_(options), classes_(classes), hooks_(hooks) {}

  void epoch_over(const train::Progress& progress) {
    accuracies_.push_back(progress.val_accuracy);
    if (hooks_.on_epoch) hooks_.on_epoch(progress.epochs, progress.val_accuracy);
    const double best = std::ranges::max(accuracies_);
    if (!is_hopeless(best, progress.epochs, options_.recipe.epochs, classes_,
                     options_.hopeless_share)) {
      return;
    }
    reason_ = format("given up after epoch %d: validation accuracy %.4f is close to guessing",
                     progress.epochs, best);
  }

  bool should_stop() {
    if (hooks_.still_there) hooks_.still_there();
    if (reason_.empty() && options_.seconds > 0 && started_.seconds() >= options_.seconds) {
      reason_ = format("stopped after %.3g s in epoch %zu of %d", options_.seconds,
                       accuracies_.size() + 1, options_.recipe.epochs);
      timed_out_ = true;
    }
    return !reason_.empty();
  }

  ChildResult result() const {
    ChildResult result;
    const size_t last = std::min(accuracies_.size(), static_cast<size_t>(options_.last_epochs));
    for (size_t i = accuracies_.size() - last; i < accuracies_.size(); ++i) {
      result.accuracy = std::max(result.accuracy, accuracies_[i]);
    }
    result.epochs = static_cast<int>(accuracies_.size());
    result.seconds = started_.seconds();
    result.reason = reason_;
    result.repeatable = !timed_out_;
    return result;
  }

  ChildResult failed(const std::string& why, bool repeatable) const {
    return {0, static_cast<int>(accuracies_.size()), started_.seconds(), why, repeatable};
  }

 private:
  const ChildOptions& options_;
  size_t classes_;
  const ChildHooks& hooks_;
  Stopwatch started_;
  std::vector<double> accuracies_;  // by epoch
  std::string reason_;
  bool timed_out_ = false;
};

void train(const train::Recipe& recipe, io::Dataset& dataset, const ChildOptions& options,
           Watch& watch) {
  comm::InprocWorld alone(1, "child");
  const std::unique_ptr<comm::Communicator> group = alone.communicator(0);
  const Log log(LogLevel::error, "child");
  train::check_fit(recipe, {dataset, 1});
  nn::Model model = make_model(recipe, dataset.info(), options, micro_batch(recipe, dataset));
  const auto sync = train::make_gradient_sync(
      {*group, options.device.gpu, model.gradients().size(), {}, {}, log});
  train::TrainingState state(model, recipe);
  const auto engine =
      train::make_step_engine({state, dataset, *sync, *group, io::Shuffle::automatic}, log);
  train::TrainerOptions how;
  how.generation = dataset.generation();
  how.prefetch_threads = 0;  // a child computes on its own cores alone
  how.on_epoch = [&watch](const train::Progress& progress) { watch.epoch_over(progress); };
  how.should_stop = [&watch] { return watch.should_stop(); };
  how.log = log;
  train::Trainer(state, dataset, *engine, *group, std::move(how)).run();
}

}  // namespace

ChildResult train_child(const std::string& architecture, io::Dataset& dataset,
                        const ChildOptions& options, const ChildHooks& hooks) {
  train::Recipe recipe = options.recipe;
  recipe.name = "child";
  recipe.architecture = architecture;
  Watch watch(options, dataset.info().classes, hooks);
  try {
    train(recipe, dataset, options, watch);
    return watch.result();
  } catch (const std::bad_alloc&) {
    return watch.failed("out of memory", false);  // with more of it the network may train
  } catch (const Error& error) {
    // Damaged data and broken disks are not the network's fault.
    if (error.code() == ExitCode::io || error.code() == ExitCode::bad_data) throw;
    return watch.failed(error.what(), error.code() != ExitCode::unavailable);  // memory again
  }
}

bool is_hopeless(double best, int epoch, int epochs, size_t classes, double share) {
  if (share <= 0 || epoch >= epochs || epoch * 3 < epochs) return false;
  const double guessing = 1.0 / static_cast<double>(classes);
  return best < guessing + share * (1 - guessing);
}

}  // namespace podium::search
