#include "workflow/training_step.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "ckpt/node_memory.hpp"
#include "ckpt/store.hpp"
#include "comm/ring_allreduce.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "io/files/atomic_file.hpp"
#include "nn/backend.hpp"
#include "train/mlperf_log.hpp"
#include "train/model_snapshot.hpp"
#include "train/recipe_check.hpp"
#include "train/trainer.hpp"
#include "workflow/memo_book.hpp"
#include "workflow/step_source.hpp"
#include "workflow/training_memo.hpp"

namespace podium::workflow {
namespace {

std::vector<float> to_floats(const std::vector<double>& values) {
  return {values.begin(), values.end()};
}

using Unit = ckpt::Interval::Unit;

std::filesystem::path checkpoint_folder(const Settings& settings, const train::Recipe& recipe) {
  return settings.checkpoint_dir() / recipe.name;
}

std::string size_line(const train::Recipe& recipe, const nn::Model& model, int batch) {
  return format("model '%s': %lld parameters, %.2f MFLOP per image forward, batches of %d on ",
                recipe.name.c_str(), static_cast<long long>(model.parameter_count()),
                static_cast<double>(model.flops_per_image()) * 1e-6, batch) +
         model.backend();
}

// The order of images matters to speed and result when not all fit in memory.
void tell_order(const io::Dataset& dataset, const Settings& settings, const Log& log) {
  if (dataset.fits_in_memory()) return;
  if (settings.shuffle == io::Shuffle::full) {
    log.warning(
        "the images do not fit in --io.cache_memory: a full shuffle reads whole blocks for single "
        "images; --io.shuffle=auto is much faster");
  } else {
    log.info("the images do not fit in --io.cache_memory: blocks of them are shuffled");
  }
}

// A batch is never larger than the records.
int batch_of(const train::Recipe& recipe, const io::Dataset& dataset) {
  const size_t records = std::max<size_t>(1, dataset.size(io::Split::train));
  return static_cast<int>(std::min<size_t>(static_cast<size_t>(recipe.batch), records));
}

void tell_servers(const train::Recipe& recipe, const TrainingOutcome& outcome, const Log& log) {
  if (!outcome.servers) return;
  log.info("model '" + recipe.name + "' trained " + train::to_text(*outcome.servers));
}

// What MLPerf's logs say of a run before it starts.
void describe_run(train::MlperfLog& log, const train::Recipe& recipe, const io::Dataset& dataset) {
  log.point("submission_benchmark", dataset.info().name);
  log.point("seed", recipe.seed);
  log.point("global_batch_size", batch_of(recipe, dataset));
  log.point("train_samples", dataset.size(io::Split::train));
  log.point("eval_samples", dataset.size(io::Split::validation));
  log.point("opt_name", "sgd");
  log.point("opt_base_learning_rate", recipe.lr);
  log.point("opt_end_learning_rate", recipe.lr * recipe.final_lr);
  log.point("opt_learning_rate_warmup_epochs", recipe.warmup * recipe.epochs);
  log.point("opt_momentum", recipe.momentum);
  log.point("opt_weight_decay", recipe.weight_decay);
  if (recipe.ema > 0) log.point("model_eval_ema_factor", recipe.ema);
}

void tell_target(const train::Recipe& recipe, const TrainingOutcome& outcome, const Log& log) {
  const train::Progress& progress = outcome.progress;
  if (outcome.target_accuracy == 0 || outcome.stopped) return;
  log.info(format("model '%s' %s the target accuracy %g: %.4f after %d of %d epochs and %.1f s",
                  recipe.name.c_str(), outcome.reached ? "has reached" : "has not reached",
                  outcome.target_accuracy, progress.val_accuracy, progress.epochs, recipe.epochs,
                  progress.total_s));
}

void tell_wall_time(const train::Recipe& recipe, const TrainingOutcome& outcome, const Log& log) {
  log.info("model '" + recipe.name + "' trained for " +
           train::to_text(train::mean_of(outcome.wall_times)));
}

void tell_unused(const Settings& settings, const train::Recipe& recipe, const Log& log) {
  const ckpt::Store store(checkpoint_folder(settings, recipe));
  if (store.steps().empty()) return;
  log.warning("model '" + recipe.name + "' starts anew and leaves its checkpoints in " +
              store.folder().string() + " alone, as --ckpt.every=never asks");
}

train::CheckpointOptions checkpoint_options(const Settings& settings, const train::Recipe& recipe,
                                            const comm::Communicator& group,
                                            const TrainingHooks& hooks, const Log& log) {
  train::CheckpointOptions options;
  options.every = settings.checkpoint_every;
  options.retention = settings.retention;
  options.part_bytes = settings.part_bytes;
  options.memory_every = settings.memory_every;
  const bool to_disk = settings.checkpoint_every.unit != Unit::never;
  if (to_disk) options.folder = checkpoint_folder(settings, recipe);
  if (settings.memory_every.unit != Unit::never) {
    options.memory =
        hooks.memory ? hooks.memory(recipe.name) : node_memory(settings.run_dir, recipe.name);
  }
  if (!to_disk && group.rank() == 0) tell_unused(settings, recipe, log);
  return options;
}

train::TrainerOptions trainer_options(const train::Recipe& recipe, const io::Dataset& dataset,
                                      const Settings& settings, const comm::Communicator& group,
                                      const TrainingHooks& hooks,
                                      std::shared_ptr<train::MlperfLog> mlperf, const Log& log) {
  train::TrainerOptions options;
  options.data = data_identity(dataset.info(), settings).dump();
  options.checkpoints = checkpoint_options(settings, recipe, group, hooks, log);
  options.generation = dataset.generation();
  options.follow = settings.follow;
  options.shuffle = settings.shuffle;
  options.prefetch_threads = settings.prefetch_threads;
  options.on_epoch = hooks.on_epoch;
  options.on_advance = hooks.on_advance;
  options.should_stop = hooks.should_stop;
  options.log = log;
  options.target_accuracy = settings.target_accuracy;
  options.mlperf = std::move(mlperf);
  return options;
}

// The images a rank computes on together: the records may grow in a run that follows.
int largest_share(const train::Recipe& recipe, const io::Dataset& dataset, const Settings& settings,
                  int ranks) {
  const int batch = settings.follow ? recipe.batch : batch_of(recipe, dataset);
  const int share = (batch + ranks - 1) / ranks;
  return (share + recipe.accumulate - 1) / recipe.accumulate;
}

void tell_batch(const train::Recipe& recipe, int batch, const Log& log) {
  if (batch == recipe.batch) return;
  log.warning(
      format("model '%s': there are %d training records, so a step takes them all, not the "
             "%d of %s",
             recipe.name.c_str(), batch, recipe.batch, train::flag_of(recipe, "batch").c_str()));
}

}  // namespace

nn::Model make_model(const train::Recipe& recipe, const io::DatasetInfo& dataset,
                     const DeviceChoice& device, int threads, int max_batch) {
  nn::ModelCard card;
  card.name = recipe.name;
  card.architecture = recipe.architecture;
  card.image.channels = static_cast<int>(dataset.channels);
  card.image.height = static_cast<int>(dataset.height);
  card.image.width = static_cast<int>(dataset.width);
  card.classes = static_cast<int>(dataset.classes);
  card.class_names = dataset.class_names;
  card.preprocess = {to_floats(dataset.mean), to_floats(dataset.stddev)};
  card.mirror = recipe.mirror;
  return {std::move(card), nn::make_ops(device, threads, recipe.numerics), max_batch};
}

namespace {

// Trains, or goes on from a checkpoint.
TrainingOutcome train_anew(const train::Recipe& recipe, io::Dataset& dataset,
                           const Settings& settings, int threads, comm::Communicator& group,
                           const TrainingHooks& hooks, const Log& log) {
  const auto mlperf = group.rank() == 0 ? std::make_shared<train::MlperfLog>(settings.mlperf_file(),
                                                                             recipe.name, log)
                                        : std::make_shared<train::MlperfLog>();
  mlperf->start("init_start");
  TrainingOutcome outcome;
  outcome.model = std::make_unique<nn::Model>(
      make_model(recipe, dataset.info(), settings.device, threads,
                 largest_share(recipe, dataset, settings, group.size())));

  if (group.rank() == 0) {
    const int batch = batch_of(recipe, dataset);
    describe_run(*mlperf, recipe, dataset);
    log.info(size_line(recipe, *outcome.model, batch));
    tell_batch(recipe, batch, log);
    tell_order(dataset, settings, log);
  }

  train::TrainingState state(*outcome.model, recipe);
  StepSource source(settings, state, dataset, group, threads, hooks, log);
  const train::TrainerOptions options =
      trainer_options(recipe, dataset, settings, group, hooks, mlperf, log);
  outcome.target_accuracy = settings.target_accuracy;
  train::Trainer trainer(state, dataset, source.engine(), group, options);
  mlperf->stop("init_stop");
  mlperf->start("run_start", {{"first_epoch_num", trainer.progress().epochs + 1}});
  try {
    outcome.stopped = trainer.run() == train::Trainer::Outcome::stopped;
  } catch (...) {
    mlperf->stop("run_stop", {{"status", "aborted"}});
    throw;
  }
  outcome.progress = trainer.progress();
  outcome.reached = trainer.reached_target();
  const bool success = !outcome.stopped && (settings.target_accuracy == 0 || outcome.reached);
  mlperf->stop("run_stop", {{"status", success ? "success" : "aborted"}});
  outcome.wall_times = train::share_wall_times(trainer.wall_time(), group);
  outcome.servers = source.conclude();
  if (group.rank() == 0) {
    tell_target(recipe, outcome, log);
    tell_wall_time(recipe, outcome, log);
    tell_servers(recipe, outcome, log);
  }
  if (!outcome.stopped) outcome.validation = trainer.validation();
  return outcome;
}

}  // namespace

TrainingOutcome train_together(const train::Recipe& recipe, io::Dataset& dataset,
                               const Settings& settings, int threads, comm::Communicator& group,
                               const TrainingHooks& hooks, const Log& log) {
  const int trainers = group.size() * std::max(1, trainers_of(settings));
  train::check_fit(recipe, {dataset, static_cast<size_t>(trainers)});
  train::check_precision(recipe, settings.device);
  const Stopwatch watch;
  Memo memo = recall_together(recipe, dataset, settings, threads,
                              largest_share(recipe, dataset, settings, group.size()), group, log);
  const bool reused = memo.outcome.has_value();
  TrainingOutcome outcome = reused
                                ? std::move(*memo.outcome)
                                : train_anew(recipe, dataset, settings, threads, group, hooks, log);
  if (group.rank() == 0 && !outcome.stopped) {
    note_decision(settings.run_dir,
                  {"", "train " + recipe.name, reused, memo.reason, watch.seconds()}, log);
  }
  return outcome;
}

Json describe(const train::Recipe& recipe, const TrainingOutcome& outcome) {
  if (outcome.recalled) {
    Json described = *outcome.recalled;
    described["reused"] = true;
    return described;
  }
  Json described = {
      {"name", recipe.name},
      {"parameters", outcome.model->parameter_count()},
      {"flops_per_image", outcome.model->flops_per_image()},
      {"epochs", outcome.progress.epochs},
      {"val_accuracy", outcome.progress.val_accuracy},
      {"images_per_s", outcome.progress.images_per_s()},
      {"train_s", outcome.progress.total_s},
      {"target_accuracy", outcome.target_accuracy > 0 ? Json(outcome.target_accuracy) : Json()},
      {"reached", outcome.target_accuracy > 0 ? Json(outcome.reached) : Json()},
      {"time_to_accuracy_s", outcome.reached ? Json(outcome.progress.total_s) : Json()},
      {"exposed_comm_share", outcome.progress.exposed_comm_share()}};
  described.update(train::to_json(train::mean_of(outcome.wall_times)));
  for (const train::WallTime& time : outcome.wall_times) {
    described["wall_by_rank"].push_back(train::to_json(time));
  }
  described["weights_xxh3"] = train::weights_xxh3(*outcome.model);
  if (outcome.servers) described["ps"] = train::to_json(*outcome.servers);
  described["reused"] = false;
  return described;
}

Json data_identity(const io::DatasetInfo& dataset, const Settings& settings) {
  return {{"name", dataset.name},
          {"digest", dataset.digest},
          {"validation", dataset.counts[static_cast<size_t>(io::Split::validation)]},
          {"split_seed", settings.ingest.split_seed}};
}

ckpt::Snapshot candidate_of(const train::Recipe& recipe, const TrainingOutcome& outcome,
                            const io::DatasetInfo& dataset, const Settings& settings) {
  ckpt::Snapshot snapshot = train::snapshot_of(*outcome.model);
  snapshot.card["metrics"] = describe(recipe, outcome);
  snapshot.card["recipe"] = train::to_json(recipe);
  snapshot.card["dataset"] = data_identity(dataset, settings);
  snapshot.card["memo"] = training_identity(recipe, dataset, settings);
  snapshot.card["transform"] = settings.ingest.transform.text();
  if (const auto report = validation_report(outcome, dataset); report && is_short(*report)) {
    snapshot.card["evaluation"] = {{"split", io::split_name(io::Split::validation)}};
    snapshot.card["evaluation"].update(to_json(*report));
  }
  return snapshot;
}

std::optional<EvaluationReport> validation_report(const TrainingOutcome& outcome,
                                                  const io::DatasetInfo& dataset) {
  if (!outcome.validation) return {};
  return EvaluationReport{dataset.class_names, *outcome.validation};
}

Json epoch_event(const train::Recipe& recipe, const train::Progress& progress) {
  Json event = {{"event", "epoch"}, {"model", recipe.name}, {"of_epochs", recipe.epochs}};
  event.update(train::to_json(progress));
  event["images_per_s"] = progress.images_per_s();
  event["wall"] = train::to_json(progress.epoch_wall);
  return event;
}

std::string epoch_line(const train::Recipe& recipe, const train::Progress& progress) {
  return format("train %-8s epoch %2d/%d  loss %.4f  train %.4f  val %.4f  %7.0f images/s",
                recipe.name.c_str(), progress.epochs, recipe.epochs, progress.loss,
                progress.train_accuracy, progress.val_accuracy, progress.epoch_images_per_s);
}

void remove_finished_checkpoints(const Settings& settings, const train::Recipe& recipe,
                                 int epochs) {
  if (epochs < recipe.epochs || settings.retention.keeps_some()) return;
  if (settings.checkpoint_every.unit == Unit::never) return;
  ckpt::Store(checkpoint_folder(settings, recipe)).clear();
}

std::shared_ptr<ckpt::StateMemory> node_memory(const std::filesystem::path& run_dir,
                                               const std::string& model) {
  return std::make_shared<ckpt::FolderMemory>(
      [=] { return ckpt::open_node_memory(ckpt::node_memory_root(), run_dir) / model; });
}

void forget_node_memory(const Settings& settings, const train::Recipe& recipe) {
  if (settings.memory_every.unit == Unit::never) return;
  try {
    node_memory(settings.run_dir, recipe.name)->clear();
  } catch (const Error&) {
    return;  // there was none to be had
  }
  ckpt::leave_node_memory(ckpt::node_memory_root(), settings.run_dir);
}

io::Dataset open_dataset(const std::filesystem::path& cache, uint64_t generation,
                         const Settings& settings) {
  io::DatasetOptions options;
  // The trainers of a rank share its budget, each with images of its own.
  options.memory_bytes =
      settings.cache_memory_bytes / static_cast<uint64_t>(std::max(1, trainers_of(settings)));
  options.policy = settings.cache_policy;
  options.generation = generation;
  return io::Dataset::open(cache, options);
}

Json memory_cache_report(const io::Dataset& dataset, comm::Communicator& group) {
  const io::CacheStatistics mine = dataset.statistics();
  std::array<double, 8> sums = {static_cast<double>(mine.hits),
                                static_cast<double>(mine.misses),
                                static_cast<double>(mine.evictions),
                                static_cast<double>(mine.bytes_hit),
                                static_cast<double>(mine.bytes_read),
                                static_cast<double>(mine.bytes_resident),
                                mine.miss_seconds,
                                mine.seconds_saved()};
  comm::ring_allreduce(group, std::span<double>(sums));
  const auto whole = [&](size_t i) { return static_cast<uint64_t>(sums[i]); };
  return {{"hits", whole(0)},      {"misses", whole(1)},     {"evictions", whole(2)},
          {"bytes_hit", whole(3)}, {"bytes_read", whole(4)}, {"bytes_resident", whole(5)},
          {"miss_s", sums[6]},     {"saved_s", sums[7]}};
}

std::string memory_cache_line(const Json& report) {
  io::CacheStatistics all;
  all.hits = report.at("hits");
  all.misses = report.at("misses");
  all.evictions = report.at("evictions");
  all.bytes_hit = report.at("bytes_hit");
  all.bytes_read = report.at("bytes_read");
  all.bytes_resident = report.at("bytes_resident");
  all.miss_seconds = report.at("miss_s");
  return "memory cache of all trainers: " + all.text();
}

int threads_per_trainer(int trainers, const comm::MpiEnvironment& mpi) {
  const int on_this_node = std::max(1, (trainers * mpi.node_ranks() + mpi.size() - 1) / mpi.size());
  return std::clamp(mpi.node_cores() / on_this_node, 1, mpi.cores());
}

}  // namespace podium::workflow
