#include "workflow/pipeline.hpp"

#include <csignal>
#include <filesystem>
#include <thread>

#include "comm/barrier.hpp"
#include "core/deadline_watch.hpp"
#include "core/error.hpp"
#include "core/signals.hpp"
#include "io/files/atomic_file.hpp"
#include "workflow/conductor.hpp"
#include "workflow/role_parts.hpp"
#include "workflow/stop_requests.hpp"
#include "workflow/training_step.hpp"

namespace podium::workflow {
namespace {

// The communicators of a job. Made collectively, in one order, by every rank.
struct Groups {
  Groups(comm::MpiEnvironment& mpi, const RoleLayout& layout, const TrainerGroups& trainers)
      : control(mpi.world("control")),
        weights(mpi.world("weights")),
        memory(mpi.world("memory")),
        requests(mpi.world("requests")),
        ending(mpi.world("ending")),
        ingest(mpi.split("ingest", layout.plays(mpi.rank(), Role::ingest) ? 0 : -1)),
        train(mpi.split("train", trainers.group_of(mpi.rank()))),
        ckpt(mpi.split("ckpt", layout.plays(mpi.rank(), Role::ckpt) ? 0 : -1)) {}

  void set_limit(std::chrono::milliseconds limit) {
    for (comm::Communicator* group : {control.get(), weights.get(), memory.get(), requests.get(),
                                      ending.get(), ingest.get(), train.get(), ckpt.get()}) {
      if (group != nullptr) group->set_policy({limit, Backoff::Kind::hot});
    }
  }

  std::unique_ptr<comm::Communicator> control;
  std::unique_ptr<comm::Communicator> weights;
  std::unique_ptr<comm::Communicator> memory;
  std::unique_ptr<comm::Communicator> requests;
  std::unique_ptr<comm::Communicator> ending;
  std::unique_ptr<comm::Communicator> ingest;
  std::unique_ptr<comm::Communicator> train;
  std::unique_ptr<comm::Communicator> ckpt;
};

using Part = void (*)(const Job&, const Log&);

Part part_of(Role role) {
  switch (role) {
    case Role::ingest:
      return play_ingest;
    case Role::train:
      return play_train;
    case Role::ckpt:
      return play_ckpt;
    case Role::serve:
      return play_serve;
  }
  throw internal_error("a role has no part", "pipeline");
}

// "ingest, serve"
std::string roles_text(const RoleLayout& layout, int rank) {
  std::string text;
  for (const Role role : layout.roles_of(rank)) {
    text += text.empty() ? "" : ", ";
    text += to_string(role);
  }
  return text;
}

// Starts a thread for each role of this rank.
std::vector<std::thread> start_roles(const Job& job, const Log& log, const Fatal& fatal) {
  std::vector<std::thread> threads;
  for (const Role role : job.layout.roles_of(job.rank())) {
    const Log role_log =
        log.with_speaker("rank " + std::to_string(job.rank()) + " " + to_string(role));
    const auto part = [&job, role, role_log, &fatal] {
      try {
        part_of(role)(job, role_log);
        job.tell_conductor({{"event", "left"}, {"role", to_string(role)}, {"rank", job.rank()}});
      } catch (...) {
        fatal(std::current_exception());
      }
    };
    try {
      threads.emplace_back(part);
    } catch (...) {
      fatal(std::current_exception());  // while other roles run: they cannot be joined
    }
  }
  return threads;
}

// "1 rank", "2 ranks".
std::string count_of(size_t number, const char* noun) {
  return std::to_string(number) + " " + noun + (number == 1 ? "" : "s");
}

void tell_roles(const Job& job, int ranks, const Log& log) {
  log.info("roles of " + count_of(static_cast<size_t>(ranks), "rank") + ": " +
           job.layout.describe() + " | " + count_of(static_cast<size_t>(job.threads), "thread") +
           " per trainer, trainers in " + count_of(job.groups.ranks.size(), "group"));
}

// The folder goes when nothing is left in it: what other runs left is theirs.
void remove_checkpoints(const Settings& settings, Summary& summary) {
  for (const train::Recipe& recipe : settings.recipes) {
    const ModelSummary* model = summary.find(recipe.name);
    const int epochs = model == nullptr ? 0 : model->metrics.at("epochs").get<int>();
    remove_finished_checkpoints(settings, recipe, epochs);
  }
  if (settings.checkpoint_every.unit == ckpt::Interval::Unit::never) return;
  io::remove_stale_temporaries(settings.checkpoint_dir());
  std::error_code ignored;  // it is not empty
  std::filesystem::remove(settings.checkpoint_dir(), ignored);
}

Summary conduct(const Job& job, const Telling& telling, const Show& show) {
  Conductor conductor(job, telling.started, telling.log.with_speaker(""), show, telling.metrics,
                      telling.board);
  Summary summary = conductor.conduct();
  if (!summary.stopped_early) remove_checkpoints(job.settings, summary);
  return summary;
}

}  // namespace

std::optional<Summary> run_pipeline(const Settings& settings, comm::MpiEnvironment& mpi,
                                    const Telling& telling, const Show& show, const Fatal& fatal) {
  const Log& log = telling.log;
  const RoleLayout layout = RoleLayout::plan(settings.roles, mpi.size());
  const std::vector<int>& trainers = layout.ranks(Role::train);
  if (settings.train_alone && trainers.size() > 1) {
    throw usage_error("--train.sync=none trains on one rank, the job has " +
                          std::to_string(trainers.size()) + " trainers",
                      "--train.sync", "use allreduce, or --roles=train=1");
  }
  const TrainerGroups trainer_groups =
      plan_groups(trainers, settings.recipes.size(), settings.groups);
  const int threads = settings.threads > 0
                          ? settings.threads
                          : threads_per_trainer(static_cast<int>(trainers.size()), mpi);
  Groups groups(mpi, layout, trainer_groups);
  groups.set_limit(settings.comm_timeout);
  ControlPlane control(*groups.control);
  StopRequests stops;
  const Job job{settings,
                layout,
                trainer_groups,
                control,
                *groups.weights,
                *groups.memory,
                *groups.requests,
                groups.ingest.get(),
                groups.train.get(),
                groups.ckpt.get(),
                threads,
                stops,
                telling.tracer};
  telling.tracer.tell_roles(roles_text(layout, mpi.rank()));

  if (mpi.rank() == conductor_rank) tell_roles(job, mpi.size(), log.with_speaker(""));
  const comm::WaitPolicy patient{std::chrono::hours(24 * 365), Backoff::Kind::idle};
  comm::barrier(*groups.ending, patient);  // no role starts before the run folder is ready

  const SignalWatch signals({SIGTERM, SIGINT, SIGUSR1}, [&job, &stops](int number) {
    stops.add();
    job.tell_conductor({{"event", "signal"}, {"number", number}, {"rank", job.rank()}});
  });
  const DeadlineWatch time_limit(settings.stop_after, telling.started, [&job] {
    job.tell_conductor({{"event", "time_limit"}, {"rank", job.rank()}});
  });
  std::vector<std::thread> roles = start_roles(job, log, fatal);
  std::optional<Summary> summary;
  try {
    if (mpi.rank() == conductor_rank) summary = conduct(job, telling, show);
  } catch (...) {
    fatal(std::current_exception());  // while the roles still run: there is no way back
  }
  for (std::thread& role : roles) role.join();
  control.flush();
  comm::barrier(*groups.ending, patient);  // idle ranks sleep until the last one is done
  return summary;
}

}  // namespace podium::workflow
