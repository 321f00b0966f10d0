#include "bench/scaling_bench.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <optional>

#include "comm/allreduce/topology.hpp"
#include "comm/barrier.hpp"
#include "comm/broadcast.hpp"
#include "comm/gather.hpp"
#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "train/recipe_check.hpp"

namespace podium::bench {
namespace {

constexpr comm::WaitPolicy patient{std::chrono::hours(24 * 365), Backoff::Kind::idle};
constexpr int64_t warm_up_steps = 3;
constexpr double warm_up_share = 0.2;  // of the seconds of a repetition
constexpr double most_steps = 1e6;

const char* name_of(ScalingMode mode) {
  return mode == ScalingMode::strong ? "strong" : "weak";
}

double processor_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// The recipe as so many ranks train it.
train::Recipe for_ranks(train::Recipe recipe, ScalingMode mode, int ranks) {
  if (mode == ScalingMode::weak) recipe.batch *= ranks;
  return recipe;
}

void check_batch(const train::Recipe& recipe, ScalingMode mode, int ranks,
                 const io::Dataset& dataset) {
  const size_t records = dataset.size(io::Split::train);
  const train::Recipe whole = for_ranks(recipe, mode, ranks);
  if (whole.batch < ranks) {
    throw usage_error(format("model '%s': a batch of %d images leaves some of %d ranks without one",
                             recipe.name.c_str(), whole.batch, ranks),
                      train::flag_of(recipe, "batch"), "use a larger batch, or fewer --ranks");
  }
  if (static_cast<size_t>(whole.batch) > records) {
    throw usage_error(format("model '%s': %d ranks would take %d images a step, more than the %zu "
                             "training records",
                             recipe.name.c_str(), ranks, whole.batch, records),
                      train::flag_of(recipe, "batch"), "use a smaller batch, or fewer --ranks");
  }
  train::check_fit(whole, {dataset, static_cast<size_t>(ranks)});
}

// The first N ranks, or for the others nobody.
struct Group {
  int ranks;
  std::unique_ptr<comm::Communicator> comm;
};

class Study {
 public:
  Study(comm::MpiEnvironment& mpi, const io::Dataset& dataset, const ScalingOptions& options)
      : dataset_(dataset), options_(options), world_(mpi.world("bench scaling")) {
    world_->set_policy(patient);
    for (const int ranks : scaling_ranks(options, mpi.size())) {
      for (const train::Recipe& model : options.models) {
        check_batch(model, options.mode, ranks, dataset);
      }
      Group group{ranks,
                  mpi.split(format("bench scaling, %d ranks", ranks), mpi.rank() < ranks ? 0 : -1)};
      if (group.comm) group.comm->set_policy({options.timeout, Backoff::Kind::hot});
      groups_.push_back(std::move(group));
    }
  }

  ScalingStudy run() {
    for (const train::Recipe& model : options_.models) measure(model);
    ScalingStudy study;
    study.rows = derive(rows_);
    study.waiting_cpu_share = waiting_cpu_share();
    return study;
  }

 private:
  // What one group does with one model.
  struct Candidate {
    const Group* group;
    ScalingRow row;
    std::optional<GroupTraining> training;
    int64_t steps = 0;
  };

  void measure(const train::Recipe& model) {
    std::vector<Candidate> candidates;
    for (const Group& group : groups_) candidates.push_back(prepare(model, group));
    for (int i = 0; i < options_.repetitions; ++i) {
      for (Candidate& candidate : candidates) repeat(candidate);
    }
    for (const Candidate& candidate : candidates) {
      rows_.push_back(candidate.row);
      if (world_->rank() != 0) continue;
      options_.log.info(format("bench: %s, %s, %d ranks: %.0f images/s", model.name.c_str(),
                               name_of(options_.mode), candidate.row.ranks,
                               candidate.row.images_per_s));
    }
  }

  // Builds and warms up; the first rank decides how many steps fill a repetition.
  Candidate prepare(const train::Recipe& model, const Group& group) {
    Candidate candidate{&group, {}, {}, 0};
    const train::Recipe recipe = for_ranks(model, options_.mode, group.ranks);
    candidate.row.model = model.name;
    candidate.row.mode = name_of(options_.mode);
    candidate.row.ranks = group.ranks;
    candidate.row.threads = options_.how.threads;
    candidate.row.batch = recipe.batch;
    in_turn(group, [&] {
      candidate.training.emplace(dataset_, recipe, options_.how, *group.comm, options_.log);
      candidate.training->take(warm_up_steps);
      const Stretch first = candidate.training->take(1);
      candidate.steps = agree_steps(group, warm_up_share * options_.seconds, first);
      const Stretch warm = candidate.training->take(candidate.steps);
      candidate.steps = agree_steps(group, options_.seconds, warm);
    });
    return candidate;
  }

  static int64_t agree_steps(const Group& group, double seconds, const Stretch& stretch) {
    const double step_s = std::max(1e-9, stretch.seconds / static_cast<double>(stretch.steps));
    double steps = std::clamp(seconds / step_s, 1.0, most_steps);
    comm::broadcast(*group.comm, std::as_writable_bytes(std::span(&steps, 1)), 0);
    return static_cast<int64_t>(steps);
  }

  // The slowest rank's time counts.
  void repeat(Candidate& candidate) {
    in_turn(*candidate.group, [&] {
      comm::Communicator& group = *candidate.group->comm;
      comm::barrier(group, group.policy());
      const Stretch mine = candidate.training->take(candidate.steps);
      double slowest = 0;
      for (const std::string& seconds :
           comm::gather_texts(group, format("%.17g", mine.seconds), 0)) {
        slowest = std::max(slowest, std::stod(seconds));
      }
      const train::WallTime mean = train::mean_of(train::share_wall_times(mine.times, group));
      if (group.rank() != 0) return;
      add_measurement(candidate.row, mine.images / slowest,
                      {mean.compute_s / slowest, mean.data_wait_s / slowest,
                       mean.exposed_comm_s / slowest, mean.hidden_comm_s / slowest});
    });
  }

  // Runs `work` on the ranks of `group`; the others sleep until it is done.
  template <typename Work>
  void in_turn(const Group& group, Work work) {
    const bool waits = group.comm == nullptr;
    if (!waits) work();
    const Stopwatch watch;
    const double before = processor_seconds();
    comm::barrier(*world_, patient);
    if (!waits) return;
    waited_s_ += watch.seconds();
    waited_cpu_s_ += processor_seconds() - before;
  }

  double waiting_cpu_share() {
    double waited = 0;
    double used = 0;
    for (const std::string& text :
         comm::gather_texts(*world_, format("%.17g %.17g", waited_s_, waited_cpu_s_), 0)) {
      const size_t blank = text.find(' ');
      waited += std::stod(text.substr(0, blank));
      used += std::stod(text.substr(blank));
    }
    return waited > 0 ? used / waited : 0;
  }

  const io::Dataset& dataset_;
  const ScalingOptions& options_;
  std::unique_ptr<comm::Communicator> world_;
  std::vector<Group> groups_;
  std::vector<ScalingRow> rows_;  // complete on rank 0
  double waited_s_ = 0;           // while others trained
  double waited_cpu_s_ = 0;
};

}  // namespace

std::vector<int> scaling_ranks(const ScalingOptions& options, int world) {
  std::vector<int> ranks = options.ranks;
  for (int count = 1; options.ranks.empty() && count <= world; count *= 2) ranks.push_back(count);
  if (options.ranks.empty()) ranks.push_back(world);
  std::ranges::sort(ranks);
  ranks.erase(std::unique(ranks.begin(), ranks.end()), ranks.end());
  if (ranks.back() > world) {
    throw usage_error(format("the study needs %d ranks, and the job has %d", ranks.back(), world),
                      "bench.ranks",
                      format("start it as: scripts/mpirun.sh -n %d podium bench scaling ..., or by "
                             "srun -n %d",
                             ranks.back(), ranks.back()));
  }
  return ranks;
}

ScalingStudy bench_scaling(comm::MpiEnvironment& mpi, const io::Dataset& dataset,
                           const ScalingOptions& options) {
  return Study(mpi, dataset, options).run();
}

}  // namespace podium::bench
