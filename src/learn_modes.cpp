#include "learn_modes.hpp"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "bench/learn_picture.hpp"
#include "bench/learn_table.hpp"
#include "comm/barrier.hpp"
#include "comm/broadcast.hpp"
#include "core/error.hpp"
#include "core/signals.hpp"
#include "core/text.hpp"
#include "io/files/atomic_file.hpp"
#include "learn_progress.hpp"
#include "learn_run.hpp"
#include "learn_settings.hpp"
#include "value_lists.hpp"
#include "verb_parts.hpp"
#include "workflow/ingest_step.hpp"
#include "workflow/training_step.hpp"

namespace podium {
namespace {

using learn::StepTimes;

constexpr std::array<const char*, 4> modes = {"synchronous", "one_step_off_policy", "fully_async",
                                              "multi_explorer"};
constexpr size_t warm_up = 4;        // batches that are not counted
constexpr size_t drawn_batches = 4;  // in a picture, of the slowest mode
constexpr const char* bench_roles = "explorer=4,buffer=1,train=1";

// Work of known size, but for what the user has set.
constexpr std::pair<const char*, const char*> bench_work[] = {
    {"learn.environment", "cartpole"},
    {"learn.environments", "1"},
    {"learn.steps", "8"},
    {"learn.batch", "8"},
    {"learn.epochs", "40"},
    {"learn.minibatches", "1"},
    {"learn.updates", "1280"},
    {"learn.policy", "dense 256; relu; dense 256; relu; dense classes"},
    {"learn.critic", "dense 256; relu; dense 256; relu; dense classes"}};

struct Kind {
  std::string name;     // of rollouts
  double dearness = 1;  // of a batch's rollouts on all explorers, relative to training on it
  StepTimes times;
};

Kind kind_of(const std::string& name, int steps) {
  Kind kind{name, 1, {}};
  kind.times.together = steps;
  if (name == "even") return kind;
  if (name == "long-tailed") {
    kind.dearness = 4;
    kind.times.tail = StepTimes::Tail::one_in;
    return kind;
  }
  throw usage_error("no rollouts are called '" + name + "'", "bench.rollouts",
                    "say even, long-tailed or both");
}

// Learns in one mode after another. Collective.
class ModeRuns {
 public:
  ModeRuns(const VerbContext& context, Config config, std::string_view roles)
      : context_(context),
        config_(std::move(config)),
        quiet_(context.log.at_most(LogLevel::warning)),
        group_(everyone(context, context.subject.empty() ? "learn" : "bench")),
        layout_(learn::LearnLayout::plan(roles, group_->size())),
        trainers_(context.mpi.split("trainers", layout_.trains(group_->rank()) ? 0 : -1)) {
    config_.set("learn.profile", "true", "profile");
    if (layout_.explorers() == 0) {
      throw usage_error("modes are compared by what explorers of this job do", "--roles",
                        "ask for at least one, as in explorer=2");
    }
    if (trainers_) trainers_->set_policy({context.settings.comm_timeout, Backoff::Kind::hot});
  }

  comm::Communicator& group() { return *group_; }
  bool first() const { return group_->rank() == 0; }
  const learn::LearnLayout& layout() const { return layout_; }

  // Images, where the environment has some.
  void prepare() {
    if (config_.text("learn.environment") != "image_bandit") return;
    cache_ = ingest(context_, *group_);
  }

  LearnSettings settings(const std::string& mode, const StepTimes& times) const {
    Config mine = config_;
    mine.set("learn.mode", mode, "profile");
    LearnSettings made = learn_settings(mine, layout_.explorers(), layout_.trainers());
    made.task.times = times;
    made.task.keep_spans = true;
    made.evaluation = 0;
    if (made.batches <= warm_up + drawn_batches) {
      throw usage_error(std::to_string(made.batches) + " batches are too few to compare modes by",
                        "learn.updates and learn.samples",
                        "set one of them so that there are " +
                            std::to_string(warm_up + drawn_batches + 1) + " batches or more");
    }
    made.seconds = made.until_return = 0;  // all modes learn from equally many
    made.has_target = false;
    if (cache_) {
      made.task.cache = std::filesystem::absolute(cache_->cache);
      made.task.generation = cache_->generation;
      made.task.memory_bytes = context_.settings.cache_memory_bytes;
    }
    return made;
  }

  // Its timeline is kept in `picture`. Elsewhere than on the first rank nothing is measured.
  bench::LearnMeasurement run(const std::string& mode, const StepTimes& times,
                              bench::LearnPicture* picture = nullptr) {
    const LearnSettings how = settings(mode, times);
    MetricsLog nothing;  // one mode's batches are not the job's
    const VerbContext quiet{context_.subject, context_.folders, context_.config, context_.settings,
                            context_.mpi,     context_.started, quiet_,          context_.fatal,
                            context_.console, context_.board,   nothing,         context_.tracer};
    const std::function<bool()> should_stop = [this] { return stop_.load(); };
    LearnRun run({quiet, layout_, *group_, trainers_.get(), should_stop, {}}, how);
    LearnOutcome outcome = run.run();
    leave_if(outcome.ended == learn::Ended::stopped);
    if (!first()) return {};
    bench::LearnMeasurement measured;
    measured.profile = learn::profile_of(outcome.timeline, warm_up);
    const Staleness staleness = staleness_of(outcome.report.buffer);
    measured.staleness_mean = staleness.mean;
    measured.staleness_max = staleness.most;
    context_.log.info(format("%s: %.1f ms a batch", mode.c_str(), measured.profile.batch_s * 1000));
    if (picture != nullptr) *picture = {mode, how.mode.method, std::move(outcome.timeline)};
    return measured;
  }

  // Seconds of training on a batch, on every rank.
  double train_s() {
    StepTimes none;
    const bench::LearnMeasurement measured = run("synchronous", none);
    const std::string told = format("%.9f", measured.profile.train_s);
    return std::stod(comm::broadcast_text(*group_, first() ? told : "", 0));
  }

 private:
  // On every rank, when the first one says so.
  void leave_if(bool stopped) {
    if (comm::broadcast_text(*group_, stopped ? "stopped" : "", 0).empty()) return;
    throw Error(ExitCode::stopped, "modes are no longer compared", "", "");
  }

  const VerbContext& context_;
  std::atomic<bool> stop_{false};
  SignalWatch signals_{{SIGTERM, SIGINT, SIGUSR1}, [this](int) { stop_ = true; }};
  Config config_;
  Log quiet_;
  std::unique_ptr<comm::Communicator> group_;
  learn::LearnLayout layout_;
  std::unique_ptr<comm::Communicator> trainers_;
  std::optional<workflow::IngestOutcome> cache_;
};

// All modes in turns, `repetitions` times over.
std::vector<bench::LearnRow> compare(ModeRuns& runs, const std::string& rollouts,
                                     const StepTimes& times, int repetitions,
                                     std::vector<bench::LearnPicture>* pictures) {
  std::vector<bench::LearnRow> rows;
  std::vector<bench::LearnPicture> last(modes.size());
  for (const char* mode : modes) {
    rows.emplace_back();
    rows.back().rollouts = rollouts;
    rows.back().mode = mode;
    rows.back().explorers = runs.layout().explorers();
  }
  for (int repetition = 0; repetition < repetitions; ++repetition) {
    for (size_t i = 0; i < modes.size(); ++i) {
      const bench::LearnMeasurement measured = runs.run(modes[i], times, &last[i]);
      if (runs.first()) rows[i].add(measured);
    }
  }
  if (pictures != nullptr && pictures->empty()) *pictures = std::move(last);
  if (!runs.first()) return {};
  learn::ModeProfile parts;  // as the synchronous mode has them
  parts.rollout_s = rows.front().rollout_s.median();
  parts.train_s = rows.front().train_s.median();
  parts.sync_s = rows.front().sync_s.median();
  if (rollouts.empty()) return rows;  // of unknown lengths
  for (bench::LearnRow& row : rows) {
    row.expected_s =
        bench::expected_batch_s(runs.settings(row.mode, times).pace(), row.explorers, times, parts);
  }
  return rows;
}

void conclude(const VerbContext& context, const char* verb, int repetitions,
              const std::vector<bench::LearnRow>& rows,
              const std::vector<bench::LearnPicture>& pictures) {
  print_table(context, bench::to_text(rows));
  if (!pictures.empty()) {
    const std::filesystem::path file = context.settings.run_dir / "modes.svg";
    io::write_text_file(file, bench::picture_of(pictures, warm_up, drawn_batches));
    context.log.info("the picture is in " + file.string());
  }
  print_result(context, {{"verb", verb},
                         {"what", "learn"},
                         {"repetitions", repetitions},
                         {"rows", bench::to_json(rows)}});
}

// A signal ends it.
ExitCode until_stopped(const VerbContext& context, void (*measure)(const VerbContext&)) {
  try {
    measure(context);
    return ExitCode::done;
  } catch (const Error& error) {
    if (error.code() != ExitCode::stopped) throw;
    if (context.mpi.rank() == 0) {
      context.log.info("stopped early, and nothing is kept: the same command measures anew");
    }
    return ExitCode::stopped;
  }
}

void measure_bench(const VerbContext& context) {
  Config config = context.config;
  for (const auto& [key, value] : bench_work) {
    if (!config.is_set(key)) config.set(key, value, "bench learn");
  }
  const std::string& roles = context.settings.roles;
  ModeRuns runs(context, config, roles.empty() ? bench_roles : roles);
  runs.prepare();
  const LearnSettings work = runs.settings("synchronous", {});
  std::vector<Kind> kinds;
  for (const std::string& name : split_list(config.text("bench.rollouts"))) {
    kinds.push_back(kind_of(name, work.task.steps));
  }
  const double train_ms = runs.train_s() * 1000;
  const auto repetitions = static_cast<int>(config.integer("bench.repetitions"));
  const double steps = static_cast<double>(work.batch) * work.task.steps;
  std::vector<bench::LearnRow> rows;
  std::vector<bench::LearnPicture> pictures;
  const bool draws = config.boolean("bench.trace");
  for (Kind& kind : kinds) {
    context.log.info("bench learn: " + kind.name + " rollouts");
    kind.times.mean_ms = kind.dearness * train_ms * runs.layout().explorers() / steps;
    std::ranges::move(
        compare(runs, kind.name, kind.times, repetitions, draws ? &pictures : nullptr),
        std::back_inserter(rows));
  }
  if (runs.first()) conclude(context, "bench", repetitions, rows, pictures);
  comm::barrier(runs.group(), patient);
}

void measure_profile(const VerbContext& context) {
  ModeRuns runs(context, context.config, context.settings.roles);
  runs.prepare();
  std::vector<bench::LearnPicture> pictures;
  const std::vector<bench::LearnRow> rows = compare(runs, "", {}, 1, &pictures);
  if (runs.first()) conclude(context, "learn", 1, rows, pictures);
  comm::barrier(runs.group(), patient);
}

}  // namespace

ExitCode bench_learn_verb(const VerbContext& context) {
  return until_stopped(context, measure_bench);
}

ExitCode profile_modes(const VerbContext& context) {
  return until_stopped(context, measure_profile);
}

}  // namespace podium
