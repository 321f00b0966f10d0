#include "train/trainer.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "comm/broadcast.hpp"
#include "comm/ring_allreduce.hpp"
#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/hash.hpp"
#include "core/text.hpp"
#include "io/loader/batch_range.hpp"
#include "nn/one_cycle.hpp"
#include "train/evaluation.hpp"
#include "train/model_snapshot.hpp"

namespace podium::train {
namespace {

nn::OneCycleOptions schedule_options(const Recipe& recipe) {
  nn::OneCycleOptions options;
  options.warmup_share = recipe.warmup;
  options.end_factor = recipe.final_lr;
  return options;
}

Divergence blame(const BlamedGradient& bad, const nn::OneCycle& schedule) {
  return {"the gradient of '" + bad.gradient.tensor + "' is no longer a finite number on trainer " +
              std::to_string(bad.trainer),
          bad.gradient.step, schedule.at(bad.gradient.step)};
}

}  // namespace

// What one epoch gathers.
struct Trainer::Epoch {
  EpochPlan plan;
  size_t steps_wanted = 0;
  size_t steps = 0;  // taken
  double loss_sum = 0;
  double correct = 0;
  double images = 0;  // of this rank
  double lr = 0;
  Stopwatch watch = {};
};

Trainer::Trainer(TrainingState& state, io::Dataset& dataset, StepEngine& engine,
                 comm::Communicator& group, TrainerOptions options)
    : state_(state),
      recipe_(state.recipe),
      dataset_(dataset),
      engine_(engine),
      group_(group),
      options_(std::move(options)),
      loss_watch_(state.model.card().classes) {
  if (!options_.mlperf) options_.mlperf = std::make_shared<MlperfLog>();
  progress_.generation = options_.generation;
  if (!options_.checkpoint.empty()) resume();
  if (progress_.generation > dataset_.newest_generation()) {
    throw data_error("the checkpoint was trained on records that the cache no longer has",
                     options_.checkpoint.string(), "append them again, or delete the checkpoint");
  }
  dataset_.use_generation(progress_.generation);
}

Trainer::Outcome Trainer::run() {
  lap_.restart();
  wall_.restart();
  while (!done()) {
    const Outcome outcome = train_epoch();
    wall_time_ = engine_.times().filled_to(wall_.seconds());
    if (outcome == Outcome::stopped) return Outcome::stopped;
    if (stop_wanted_ && !done()) {
      if (saved_epochs_ < progress_.epochs) save();
      return Outcome::stopped;
    }
  }
  if (state_.average) state_.average->swap(state_.model);
  return Outcome::finished;
}

bool Trainer::reached_target() const {
  return options_.target_accuracy > 0 && progress_.epochs > 0 &&
         progress_.val_accuracy >= options_.target_accuracy;
}

bool Trainer::done() const {
  return progress_.epochs >= recipe_.epochs || reached_target();
}

Confusion Trainer::validation() {
  if (!validation_) validation_ = evaluate(state_.model, dataset_, io::Split::validation, group_);
  return *validation_;
}

Trainer::Outcome Trainer::train_epoch() {
  if (options_.follow) take_up_appended();
  Epoch epoch{plan(), steps_per_epoch()};
  check_average(epoch.plan.steps_of_run);
  engine_.start_epoch(epoch.plan);

  options_.mlperf->start("epoch_start", {{"epoch_num", progress_.epochs + 1}});
  const bool whole = take_steps(epoch);
  options_.mlperf->stop("epoch_stop", {{"epoch_num", progress_.epochs + 1}});
  if (!whole) return Outcome::stopped;
  const double step_s = epoch.watch.seconds();
  progress_.step_s += step_s;
  finish_epoch(epoch);
  progress_.epoch_images_per_s =
      static_cast<double>(dataset_.size(io::Split::train)) / std::max(step_s, 1e-9);
  progress_.total_s += lap_.seconds();
  lap_.restart();
  count_wall_time();

  if (done() || progress_.epochs % options_.checkpoint_epochs == 0) save();
  if (options_.on_epoch && group_.rank() == 0) options_.on_epoch(progress_);
  return Outcome::finished;
}

// The same on every rank.
size_t Trainer::steps_per_epoch() const {
  return io::steps_of(dataset_.size(io::Split::train), static_cast<size_t>(recipe_.batch));
}

EpochPlan Trainer::plan() const {
  io::LoaderOptions data = loader_options();
  io::check_options(dataset_.info(), data);
  const auto steps = static_cast<int64_t>(steps_per_epoch());
  const int64_t steps_of_run = steps * recipe_.epochs;
  return {static_cast<uint64_t>(progress_.epochs), steps * progress_.epochs, steps_of_run,
          nn::OneCycle(recipe_.lr, steps_of_run, schedule_options(recipe_)), std::move(data)};
}

io::LoaderOptions Trainer::loader_options() const {
  io::LoaderOptions options;
  options.split = io::Split::train;
  options.batch = static_cast<size_t>(recipe_.batch);
  options.rank = static_cast<size_t>(group_.rank());
  options.world = static_cast<size_t>(group_.size());
  options.seed = recipe_.seed;
  options.shuffle = options_.shuffle;
  options.threads = options_.prefetch_threads;
  options.augmentation = augmentation_of(recipe_);
  return options;
}

void Trainer::check_average(int64_t steps) const {
  if (!state_.average || recipe_.ema_every <= steps) return;
  throw usage_error("the weights would be averaged every " + std::to_string(recipe_.ema_every) +
                        " steps, and never in the " + std::to_string(steps) + " of this run",
                    flag_of(recipe_, "ema_every"), "average more often, or set ema = 0");
}

// The first rank looks; all go by what it saw, whatever is appended meanwhile.
void Trainer::take_up_appended() {
  const std::string seen =
      group_.rank() == 0 ? std::to_string(dataset_.newest_generation()) : std::string();
  const uint64_t newest = std::stoull(comm::broadcast_text(group_, seen, 0));
  if (newest <= dataset_.generation()) return;
  const size_t before = dataset_.size(io::Split::train);
  dataset_.use_generation(newest);
  if (group_.rank() != 0) return;
  options_.log.info("model '" + recipe_.name + "' takes up " +
                    std::to_string(dataset_.size(io::Split::train) - before) +
                    " appended records, " + std::to_string(dataset_.size(io::Split::train)) +
                    " in all");
}

// The steps of one epoch; false if it was stopped before its end.
bool Trainer::take_steps(Epoch& epoch) {
  for (auto steps = engine_.advance(); !steps.empty(); steps = engine_.advance()) {
    note(steps, epoch);
    const bool due = loss_watch_.due() && epoch.steps < epoch.steps_wanted;
    if (due && agree(epoch)) return false;
  }
  stop_wanted_ = agree(epoch);  // after this epoch
  return true;
}

void Trainer::note(std::span<const Step> steps, Epoch& epoch) {
  for (const Step& step : steps) {
    loss_watch_.record(step.step, step.lr, step.loss_sum, static_cast<double>(step.images_of_all));
    epoch.loss_sum += step.loss_sum;
    epoch.correct += step.correct;
    epoch.images += static_cast<double>(step.images);
    epoch.lr = step.lr;
    ++epoch.steps;
  }
}

void Trainer::finish_epoch(const Epoch& epoch) {
  std::array<double, 3> sums = {epoch.loss_sum, epoch.correct, epoch.images};
  comm::ring_allreduce(group_, std::span<double>(sums));
  const auto [loss_sum, correct, images] = sums;
  ++progress_.epochs;
  progress_.images += static_cast<int64_t>(images);
  progress_.generation = dataset_.generation();
  progress_.records = dataset_.size(io::Split::train);
  progress_.loss = loss_sum / images;
  progress_.train_accuracy = correct / images;
  progress_.lr = epoch.lr;
  average_statistics(state_.model.statistics());
  if (state_.average) average_statistics(state_.average->statistics());
  options_.mlperf->start("eval_start", {{"epoch_num", progress_.epochs}});
  validate();
  progress_.val_accuracy = validation_->accuracy();
  options_.mlperf->point("eval_accuracy", progress_.val_accuracy,
                         {{"epoch_num", progress_.epochs}});
  options_.mlperf->stop("eval_stop", {{"epoch_num", progress_.epochs}});
  check_replicas();
}

// Of the epoch, to be reported, and of all so far.
void Trainer::count_wall_time() {
  const WallTime before = wall_time_;
  wall_time_ = engine_.times().filled_to(wall_.seconds());
  progress_.epoch_wall = mean_of(share_wall_times(wall_time_ - before, group_));
  progress_.exposed_comm_s += progress_.epoch_wall.exposed_comm_s;
}

// True on all ranks if any was asked to stop. Throws on all of them if the run has diverged, which
// one that computed a bad gradient has by now.
bool Trainer::agree(const Epoch& epoch) {
  const std::span<double> losses = loss_watch_.sums();
  std::vector<double> shared(losses.size() + 2);
  std::ranges::copy(losses, shared.begin() + 2);
  shared[0] = options_.should_stop && options_.should_stop() ? 1 : 0;
  shared[1] =
      all_finite(state_.model.parameters()) && all_finite(state_.model.statistics()) ? 0 : 1;
  comm::ring_allreduce(group_, std::span(shared));
  std::copy_n(shared.begin() + 2, losses.size(), losses.begin());
  if (auto divergence = loss_watch_.judge(shared[1] == 0)) {
    if (const auto bad = first_bad_gradient(engine_.bad_gradient(), group_)) {
      divergence = blame(*bad, epoch.plan.schedule);
    }
    fail(*divergence, epoch);
  }
  return shared[0] > 0;
}

void Trainer::fail(const Divergence& divergence, const Epoch& epoch) const {
  options_.mlperf->stop("epoch_stop", {{"epoch_num", progress_.epochs + 1}});
  const std::string kept = saved_epochs_ == 0 ? "there is no checkpoint yet"
                                              : options_.checkpoint.string() + " keeps epoch " +
                                                    std::to_string(saved_epochs_) + ", from before";
  throw usage_error(
      divergence.what + format(" in epoch %d at step %lld of %zu", progress_.epochs + 1,
                               static_cast<long long>(divergence.step - epoch.plan.first_step + 1),
                               epoch.steps_wanted),
      format("model '%s', learning rate %.4g", recipe_.name.c_str(), divergence.learning_rate),
      "lower the learning rate (lr) or lengthen its rise (warmup); " + kept);
}

// Batch norm's running statistics come from each rank's own images: their mean goes on everywhere.
// They may lie where a GPU computes: MPI is given a copy.
void Trainer::average_statistics(std::span<float> statistics) {
  std::vector<float> sums(statistics.begin(), statistics.end());
  comm::ring_allreduce(group_, std::span<float>(sums));
  std::ranges::transform(sums, statistics.begin(),
                         [&](float sum) { return sum / static_cast<float>(group_.size()); });
}

// Counts for what would be published now.
void Trainer::validate() {
  if (state_.average) state_.average->swap(state_.model);
  validation_ = evaluate(state_.model, dataset_, io::Split::validation, group_);
  if (state_.average) state_.average->swap(state_.model);
}

// Every rank learns which ranks differ from rank 0, so that all end at once and say the same.
void Trainer::check_replicas() {
  if (group_.size() == 1) return;
  std::string mine = weights_xxh3(state_.model);
  if (state_.average) mine += to_hex(xxh3(std::as_bytes(state_.average->parameters())));
  std::vector<double> differs(static_cast<size_t>(group_.size()));
  if (comm::broadcast_text(group_, mine, 0) != mine) {
    differs[static_cast<size_t>(group_.rank())] = 1;
  }
  comm::ring_allreduce(group_, std::span<double>(differs));
  const auto first = std::ranges::find(differs, 1.0);
  if (first == differs.end()) return;
  throw internal_error("replicas of the model '" + recipe_.name +
                           "' hold different bits after epoch " + std::to_string(progress_.epochs),
                       "trainer " + std::to_string(first - differs.begin()) + " against trainer 0");
}

// The order of images is part of it, unless the data grow anyway.
TrainingIdentity Trainer::identity() const {
  std::string data = dataset_.info().digest + options_.data;
  if (!options_.follow) {
    data += io::order_identity(dataset_, io::Split::train, options_.shuffle);
  }
  return {recipe_, std::move(data), group_.size()};
}

void Trainer::resume() {
  bool found = false;
  if (group_.rank() == 0) {
    // The order of images is that of the records which the checkpoint was trained on.
    const auto generation = checkpoint_generation(options_.checkpoint);
    if (generation && *generation <= dataset_.newest_generation()) {
      dataset_.use_generation(*generation);
    }
    found = may_resume(options_.checkpoint, identity(), options_.log);
    displaces_ = !found && std::filesystem::exists(options_.checkpoint);
    if (displaces_) {
      options_.log.warning("model '" + recipe_.name + "': the old checkpoint is kept as " +
                           name_aside(options_.checkpoint).string() +
                           " when the first new one is written");
    }
  }
  if (comm::broadcast_text(group_, found ? "yes" : "no", 0) == "no") return;
  progress_ = read_checkpoint(options_.checkpoint, state_);
  saved_epochs_ = progress_.epochs;
  if (group_.rank() == 0) {
    options_.log.info("model '" + recipe_.name + "' goes on after epoch " +
                      std::to_string(progress_.epochs) + " of " + std::to_string(recipe_.epochs) +
                      ", from " + options_.checkpoint.string());
  }
}

void Trainer::save() {
  if (options_.checkpoint.empty()) return;
  saved_epochs_ = progress_.epochs;
  if (group_.rank() != 0) return;
  if (displaces_) set_aside(options_.checkpoint);
  displaces_ = false;
  write_checkpoint(options_.checkpoint, identity(), progress_, state_);
}

}  // namespace podium::train
