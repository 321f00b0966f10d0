// podium: one executable whose MPI ranks take roles. This file holds the life of the process: the
// command line, MPI, signals, and the one error line with its exit code.
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "bench/fixed_replica.hpp"
#include "ckpt/engine/worker.hpp"
#include "core/clock.hpp"
#include "core/device_choice.hpp"
#include "core/error.hpp"
#include "core/file_descriptor.hpp"
#include "core/log.hpp"
#include "core/roles.hpp"
#include "core/signals.hpp"
#include "core/worker_log.hpp"
#include "job_trace.hpp"
#include "learn/explorer.hpp"
#include "options.hpp"
#include "ps/tcp/server_group.hpp"
#include "rank_record.hpp"
#include "report_verb.hpp"
#include "run_folder.hpp"
#include "run_metrics.hpp"
#include "search_verbs.hpp"
#include "serve/replica/replica.hpp"
#include "settings.hpp"
#include "standard_output.hpp"
#include "train/trainer_process.hpp"
#include "verbs.hpp"
#include "version.hpp"
#include "voice.hpp"
#include "witness.hpp"
#include "workflow/replica_worker.hpp"

namespace podium {
namespace {

constexpr std::array<const char*, 4> rank_variables = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK",
                                                       "PMI_RANK", "SLURM_PROCID"};

// The rank that the launcher gave this process, before MPI has started; 0 when run alone.
int launched_rank() {
  for (const char* name : rank_variables) {
    if (const char* text = std::getenv(name)) return std::atoi(text);
  }
  return 0;
}

// Whether mpirun or srun started this process: then its end must be told to the other ranks.
bool launched_by_mpi() {
  for (const char* name : rank_variables) {
    if (std::getenv(name) != nullptr) return true;
  }
  return false;
}

// Where all ranks make the same mistake, rank 0 speaks: its exit ends the others while they wait.
void let_rank_0_speak(int rank) {
  if (rank != 0) std::this_thread::sleep_for(std::chrono::seconds(3));
}

void print_error(const std::string& text, int descriptor = STDERR_FILENO) {
  const std::string line = "podium: error: " + text + "\n";
  if (::write(descriptor, line.data(), line.size()) < 0) return;  // nobody is left to tell
}

// The error line and the exit code of an exception.
struct Failure {
  std::string text;
  ExitCode code;
};

Failure describe(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const Error& error) {
    return {error.what(), error.code()};
  } catch (const std::bad_alloc&) {
    return {"out of memory; use a smaller batch, or lower --io.cache_memory",
            ExitCode::unavailable};
  } catch (const std::filesystem::filesystem_error& error) {
    return {io_error("cannot use a path", error.path1().string(), error.code().value()).what(),
            ExitCode::io};
  } catch (const std::system_error& error) {
    return {std::string("the system refuses what Podium needs: ") + error.what() +
                "; raise its limits (ulimit -a)",
            ExitCode::unavailable};
  } catch (const std::exception& error) {
    return {std::string("internal error: ") + error.what() + "; please report this",
            ExitCode::internal};
  }
}

// Standard error for the caller alone: what other threads still say must not follow the error line.
FileDescriptor take_standard_error() {
  FileDescriptor own(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0));
  const FileDescriptor nothing(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  if (own && nothing) ::dup2(nothing.get(), STDERR_FILENO);
  return own;
}

// Ends the whole job with this rank's message as the last line, here and in its record.
[[noreturn]] void fail_job(const std::exception_ptr& exception, const comm::MpiEnvironment& mpi,
                           RankRecord& record, Voice& voice, bool launched) {
  const Failure failure = describe(exception);
  const int rank = mpi.rank();
  record.keep_error(failure.text);
  let_rank_0_speak(rank);
  voice.give_way();
  const FileDescriptor own = take_standard_error();
  print_error(mpi.size() > 1 ? "rank " + std::to_string(rank) + ": " + failure.text : failure.text,
              own ? own.get() : STDERR_FILENO);
  record.failed(failure.text, failure.code);
  if (!launched) std::_Exit(static_cast<int>(failure.code));
  comm::MpiEnvironment::abort(failure.code);
}

void check_limit(int resource, rlim_t least, const char* what, const char* where) {
  rlimit limit{};
  if (::getrlimit(static_cast<__rlimit_resource>(resource), &limit) != 0) return;
  if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= least) return;
  throw unavailable_error("the limit on " + std::string(what) + " is " +
                              std::to_string(limit.rlim_cur) + ", and MPI needs " +
                              std::to_string(least),
                          where, "raise it");
}

// MPI's own helpers hang, or take all memory, where they meet these limits.
void check_limits() {
  check_limit(RLIMIT_NOFILE, 64, "open files", "ulimit -n");
  check_limit(RLIMIT_FSIZE, rlim_t{8} << 20, "bytes of a file", "ulimit -f");
}

// What this rank plays, as "ingest+serve".
std::string roles_of(const Invocation& invocation, const workflow::Settings& settings,
                     const comm::MpiEnvironment& mpi) {
  if (invocation.verb != "run") return invocation.verb;
  std::string roles;
  for (const Role role : RoleLayout::plan(settings.roles, mpi.size()).roles_of(mpi.rank())) {
    roles += (roles.empty() ? "" : "+") + std::string(to_string(role));
  }
  return roles;
}

// Where this rank computes. The driver is asked only when that makes a difference.
DeviceChoice device_of(const Invocation& invocation, const comm::MpiEnvironment& mpi,
                       const Log& log) {
  const DeviceRequest request = parse_device(invocation.config.text("device"));
  if (!computes(invocation.verb) || request == DeviceRequest::cpu) return {};
  DeviceChoice choice =
      choose_device(request, probe_accelerators(), mpi.node_rank(), mpi.node_ranks());
  if (!choice.notice.empty()) log.info(choice.notice);
  return choice;
}

int run_job(const Invocation& invocation) {
  const Stopwatch started;
  const std::filesystem::path run_dir = run_folder(invocation.config, invocation.input_files);
  workflow::Settings settings = make_settings(invocation.config, invocation.verb, run_dir);
  if (handles_signals(invocation.verb, invocation.subject))
    block_signals({SIGTERM, SIGINT, SIGUSR1});

  prepare_environment(invocation.verb, invocation.subject);
  check_limits();
  const bool launched = launched_by_mpi();  // MPI itself sets such variables when it starts
  comm::MpiEnvironment mpi;
  Voice voice(invocation, mpi, launched);
  RankRecord record(mpi, voice.sink());
  const Log log = voice.log(record.sink());
  JobTrace trace(mpi, log);
  const workflow::Fatal fatal = [&](const std::exception_ptr& exception) {
    trace.tracer().flush();
    fail_job(exception, mpi, record, voice, launched);
  };
  ExitCode code = ExitCode::done;
  TrainingLock lock;  // on the first rank of a job that trains
  try {
    const bool has_folder = writes_configuration(invocation.verb, invocation.config);
    const bool prepares = mpi.rank() == 0 && has_folder;
    voice.show(run_dir.string(), log);
    settings.device = device_of(invocation, mpi, log);
    if (prepares && trains(invocation.verb)) {
      lock =
          prepare_training_folder(run_dir, invocation.config,
                                  invocation.verb == "train" ? settings.recipes.front().name : "");
    } else if (prepares) {
      prepare_run_folder(run_dir, invocation.config);
    }
    if (traces(invocation.verb, invocation.config)) {
      trace.begin(run_dir, invocation.verb, invocation.config);
    }
    const auto metrics = open_metrics(prepares, invocation.config, settings, started, log);
    if (has_folder) {
      record.begin(mpi, {run_dir, metrics->job(), roles_of(invocation, settings, mpi)}, started);
    }
    code = run_verb(invocation.verb, {invocation.subject, invocation.run_folders, invocation.config,
                                      settings, mpi, started, log, fatal, voice.console(),
                                      voice.board(), *metrics, trace.tracer()});
    trace.end();
    voice.end();
  } catch (...) {
    fatal(std::current_exception());
  }
  mpi.finalize();
  if (mpi.rank() == 0 && record.begun() && leaves_report(invocation.verb) &&
      invocation.config.boolean("log.report")) {
    leave_report(run_dir, log);
  }
  record.end();
  return static_cast<int>(code);
}

int act(const Invocation& invocation) {
  using Action = Invocation::Action;
  if (invocation.action == Action::run_verb) return run_job(invocation);
  if (launched_rank() != 0) return 0;  // one copy of a page is enough
  if (invocation.action == Action::help) print(help_text());
  if (invocation.action == Action::verb_help) print(verb_help_text(invocation.verb));
  if (invocation.action == Action::version) print(version_text());
  if (invocation.action == Action::print_config) print(invocation.config.print());
  return 0;
}

// OpenMP's threads wait by spinning unless told otherwise before the library is loaded, and a rank
// shares its cores with replicas and other ranks. So the process starts itself once more with
// passive waiting, unless the user has chosen. Some microseconds of spinning (GCC's library) bridge
// the gaps between the layers of a step: without them two threads lose up to half their speed.
void wait_passively(char** argv) {
  if (std::getenv("OMP_WAIT_POLICY") != nullptr) return;
  setenv("OMP_WAIT_POLICY", "passive", 1);
  setenv("GOMP_SPINCOUNT", "5000", 0);
  ::execv("/proc/self/exe", argv);  // returns only on failure: then it goes on as it is
}

using Words = std::vector<std::string>;

// What a process does that a rank has started, and its name for people.
struct WorkerPart {
  std::string name;
  std::function<int(const Log&)> run;  // empty: a user or a launcher has started it
};

WorkerPart worker_part(const Words& words) {
  if (ckpt::engine::is_worker_command(words)) {
    return {words.at(2), [&](const Log&) { return ckpt::engine::run_worker(words); }};
  }
  if (ps::is_server_command(words)) {
    return {"server " + words.at(1), [&](const Log&) -> int { ps::run_server(words); }};
  }
  if (train::is_trainer_command(words)) {
    return {words.at(1), [&](const Log&) -> int { train::run_trainer(words); }};
  }
  if (is_search_worker(words)) {
    return {search_worker_name(words),
            [&](const Log& log) { return run_search_worker(words, log); }};
  }
  if (learn::is_explorer_command(words)) {
    return {"explorer", [&](const Log&) { return learn::run_explorer(words); }};
  }
  if (!serve::is_replica_command(words)) return {};
  const std::string name = serve::parse_replica_command(words).options.name;
  if (bench::is_fixed_replica(words)) {
    return {name, [&](const Log&) -> int { bench::fixed_replica(words); }};
  }
  return {name, [&](const Log&) -> int { workflow::replica_worker(words); }};
}

int work(const WorkerPart& part) {
  const Log log = open_worker_log(part.name);
  try {
    return part.run(log);
  } catch (...) {
    const Failure failure = describe(std::current_exception());
    log.error(failure.text);
    return static_cast<int>(failure.code);
  }
}

int podium_main(const std::vector<std::string>& arguments) {
  // A closed connection and a limit on file sizes are errors of the call, not ends of the process.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  try {
    if (is_witness_command(arguments)) return witness(arguments);
    if (const WorkerPart part = worker_part(arguments); part.run) return work(part);
    return act(parse_command_line(arguments));
  } catch (...) {
    const Failure failure = describe(std::current_exception());
    let_rank_0_speak(launched_rank());
    print_error(failure.text);
    return static_cast<int>(failure.code);
  }
}

}  // namespace
}  // namespace podium

int main(int argc, char** argv) {
  // Workers and the restart below run /proc/self/exe; a witness names itself.
  if (argc != 2 || !podium::is_witness_command({argv[1]})) ::prctl(PR_SET_NAME, "podium");
  podium::wait_passively(argv);
  return podium::podium_main(std::vector<std::string>(argv + 1, argv + argc));
}
