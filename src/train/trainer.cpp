#include "train/trainer.hpp"

#include <algorithm>
#include <array>
#include <cmath>
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
  return {.warmup_share = recipe.warmup, .end_factor = recipe.final_lr};
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
  double exposed_before = 0;  // what the engine had counted
  size_t steps = 0;           // taken
  EpochSums sums = {};        // of this rank
  double earlier_s = 0;       // that the epoch took before a resume
  double earlier_exposed_s = 0;
  double lr = 0;
  Stopwatch watch = {};

  double seconds() const { return earlier_s + watch.seconds(); }
  int64_t step_of_run() const { return plan.first_step + static_cast<int64_t>(steps); }
};

Trainer::Trainer(TrainingState& state, io::Dataset& dataset, StepEngine& engine,
                 comm::Communicator& group, TrainerOptions options)
    : state_(state),
      recipe_(state.recipe),
      dataset_(dataset),
      engine_(engine),
      group_(group),
      options_(std::move(options)),
      loss_watch_(state.model.card().classes),
      checkpoints_(state, group, options_.checkpoints, options_.log),
      identity_([this] { return identity(); }) {
  if (!options_.mlperf) options_.mlperf = std::make_shared<MlperfLog>();
  progress_.generation = options_.generation;
  resume();
}

Trainer::Outcome Trainer::run() {
  lap_.restart();
  wall_.restart();
  while (!done()) {
    const Outcome outcome = train_epoch();
    wall_time_ = engine_.times().filled_to(wall_.seconds());
    if (outcome == Outcome::stopped) return Outcome::stopped;
    if (stop_wanted_ && !done()) {
      checkpoints_.conclude(between_epochs(), identity_, false);
      return Outcome::stopped;
    }
  }
  checkpoints_.conclude(between_epochs(), identity_, true);
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
  if (options_.follow && !resumed_) take_up_appended();
  Epoch epoch = begin_epoch();
  check_average(epoch.plan.steps_of_run);
  engine_.start_epoch(epoch.plan);

  options_.mlperf->start("epoch_start", {{"epoch_num", progress_.epochs + 1}});
  const bool whole = take_steps(epoch);
  options_.mlperf->stop("epoch_stop", {{"epoch_num", progress_.epochs + 1}});
  if (!whole) {
    checkpoints_.conclude(within(epoch), identity_, false);
    progress_.total_s += lap_.seconds();
    return Outcome::stopped;
  }
  const double step_s = epoch.seconds();
  progress_.step_s += step_s;
  progress_.exposed_comm_s += epoch.earlier_exposed_s;
  finish_epoch(epoch);
  progress_.epoch_images_per_s =
      static_cast<double>(dataset_.size(io::Split::train)) / std::max(step_s, 1e-9);
  progress_.total_s += lap_.seconds();
  lap_.restart();
  count_wall_time();

  checkpoints_.proceed(between_epochs(), identity_);
  if (options_.on_epoch && group_.rank() == 0) options_.on_epoch(progress_);
  return Outcome::finished;
}

// From its first step, or from where the run was resumed.
Trainer::Epoch Trainer::begin_epoch() {
  Epoch epoch{plan(), steps_per_epoch(), engine_.times().exposed_comm_s};
  if (!resumed_) return epoch;
  epoch.plan.begin = resumed_->epoch_step;
  epoch.steps = static_cast<size_t>(resumed_->epoch_step);
  epoch.sums = resumed_->sums;
  epoch.earlier_s = resumed_->epoch_s;
  epoch.earlier_exposed_s = resumed_->exposed_comm_s;
  resumed_.reset();
  return epoch;
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
  return {static_cast<uint64_t>(progress_.epochs),
          steps * progress_.epochs,
          steps_of_run,
          nn::OneCycle(recipe_.lr, steps_of_run, schedule_options(recipe_)),
          std::move(data),
          0,
          checkpoints_.steps_between()};
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
    tell_advance(epoch);
    const bool due =
        loss_watch_.recorded() >= steps_to_agreement_ || checkpoints_.due_at(epoch.step_of_run());
    if (!due || epoch.steps == epoch.steps_wanted) continue;
    if (agree(epoch)) return false;
    checkpoints_.proceed(within(epoch), identity_);
  }
  stop_wanted_ = agree(epoch);  // after this epoch
  return true;
}

void Trainer::note(std::span<const Step> steps, Epoch& epoch) {
  for (const Step& step : steps) {
    loss_watch_.record(step.step, step.lr, step.loss_sum, static_cast<double>(step.images_of_all));
    epoch.sums.loss += step.loss_sum;
    epoch.sums.correct += step.correct;
    epoch.sums.images += static_cast<double>(step.images);
    epoch.lr = step.lr;
    ++epoch.steps;
  }
}

void Trainer::tell_advance(const Epoch& epoch) {
  constexpr double seconds_apart = 0.5;
  if (!options_.on_advance || group_.rank() != 0 || told_.seconds() < seconds_apart) return;
  told_.restart();
  const double images = std::max(epoch.sums.images, 1.0);
  options_.on_advance({progress_.epochs + 1, recipe_.epochs, epoch.steps, epoch.steps_wanted,
                       epoch.sums.loss / images, epoch.sums.correct / images});
}

void Trainer::finish_epoch(const Epoch& epoch) {
  std::array<double, 3> sums = {epoch.sums.loss, epoch.sums.correct, epoch.sums.images};
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

// Steps to the next agreement: slow ones agree about once a second. Trainers that are not in step
// wait for the slowest there, so they agree about every ten.
double Trainer::pace(const Epoch& epoch) const {
  constexpr double seconds_apart = 10;
  constexpr double most_apart = 1e4;
  const auto taken = static_cast<double>(epoch.steps - static_cast<size_t>(epoch.plan.begin));
  const double a_second = std::floor(taken / std::max(epoch.watch.seconds(), 1e-9));
  constexpr auto window = static_cast<double>(LossWatch::window);
  if (engine_.in_step()) return std::clamp(a_second, 1.0, window);
  return std::clamp(seconds_apart * a_second, window, most_apart);
}

// True on all ranks if any was asked to stop. Throws on all of them if the run has diverged, which
// one that computed a bad gradient has by now.
bool Trainer::agree(const Epoch& epoch) {
  constexpr size_t own = 3 + Checkpoints::votes;  // before the losses
  engine_.settle();
  const std::span<double> losses = loss_watch_.sums();
  std::vector<double> shared(own + losses.size());
  const std::span<double, Checkpoints::votes> votes(shared.data() + 3, Checkpoints::votes);
  shared[0] = options_.should_stop && options_.should_stop() ? 1 : 0;
  shared[1] =
      all_finite(state_.model.parameters()) && all_finite(state_.model.statistics()) ? 0 : 1;
  if (group_.rank() == 0) shared[2] = pace(epoch);
  checkpoints_.vote(votes);
  std::ranges::copy(losses, shared.begin() + own);
  comm::ring_allreduce(group_, std::span(shared));
  std::copy_n(shared.begin() + own, losses.size(), losses.begin());
  if (auto divergence = loss_watch_.judge(shared[1] == 0)) {
    if (const auto bad = first_bad_gradient(engine_.bad_gradient(), group_)) {
      divergence = blame(*bad, epoch.plan.schedule);
    }
    fail(*divergence, epoch);
  }
  steps_to_agreement_ = static_cast<size_t>(shared[2]);
  checkpoints_.count(votes);
  return shared[0] > 0;
}

void Trainer::fail(const Divergence& divergence, const Epoch& epoch) {
  checkpoints_.settle();
  options_.mlperf->stop("epoch_stop", {{"epoch_num", progress_.epochs + 1}});
  throw usage_error(
      divergence.what + format(" in epoch %d at step %lld of %zu", progress_.epochs + 1,
                               static_cast<long long>(divergence.step - epoch.plan.first_step + 1),
                               epoch.steps_wanted),
      format("model '%s', learning rate %.4g", recipe_.name.c_str(), divergence.learning_rate),
      "lower the learning rate (lr) or lengthen its rise (warmup); " + checkpoints_.kept() +
          ", from before");
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
  return {recipe_, std::move(data)};
}

void Trainer::resume() {
  // The order of images is that of the records which the checkpoint was trained on.
  const auto point = checkpoints_.resume([this](uint64_t generation) {
    if (generation <= dataset_.newest_generation()) dataset_.use_generation(generation);
    return identity();
  });
  uint64_t generation = options_.generation;
  if (point) {
    progress_ = point->progress;
    generation = point->generation;
    loss_watch_.go_on_from(point->losses_above);
    if (point->epoch_step > 0) resumed_ = point;
  }
  if (generation > dataset_.newest_generation()) {
    throw data_error("the checkpoint was trained on records that the cache no longer has",
                     checkpoints_.kept(), "append them again, or delete the checkpoint");
  }
  dataset_.use_generation(generation);
}

TrainingPoint Trainer::between_epochs() const {
  const auto steps = static_cast<int64_t>(steps_per_epoch());
  TrainingPoint point;
  point.progress = progress_;
  point.step = steps * progress_.epochs;
  point.generation = progress_.generation;
  point.losses_above = loss_watch_.above();
  return point;
}

TrainingPoint Trainer::within(const Epoch& epoch) const {
  TrainingPoint point;
  point.progress = progress_;
  point.step = epoch.step_of_run();
  point.epoch_step = static_cast<int64_t>(epoch.steps);
  point.generation = dataset_.generation();
  point.sums = epoch.sums;
  point.progress.total_s += lap_.seconds();
  point.epoch_s = epoch.seconds();
  point.exposed_comm_s =
      epoch.earlier_exposed_s + engine_.times().exposed_comm_s - epoch.exposed_before;
  point.losses_above = loss_watch_.above();
  return point;
}

}  // namespace podium::train
