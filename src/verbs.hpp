// The verbs: each runs its step on the ranks of the job and ends with its result line.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "comm/mpi/mpi_environment.hpp"
#include "config.hpp"
#include "core/board.hpp"
#include "core/clock.hpp"
#include "core/console.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/metrics_log.hpp"
#include "core/trace.hpp"
#include "workflow/pipeline.hpp"
#include "workflow/settings.hpp"

namespace podium {

struct VerbContext {
  const std::string& subject;               // of the verb, as in `bench io`; empty for most
  const std::vector<std::string>& folders;  // of runs, that the command line names
  const Config& config;
  const workflow::Settings& settings;
  comm::MpiEnvironment& mpi;
  const Stopwatch& started;  // since the start of the process
  const Log& log;
  const workflow::Fatal& fatal;
  Console& console;
  Board& board;         // what a live view shows, on rank 0
  MetricsLog& metrics;  // writes on rank 0, where the verb has a run folder
  Tracer& tracer;       // off for verbs that leave no trace
};

// Runs `verb` collectively. Returns this rank's exit code; throws Error.
ExitCode run_verb(const std::string& verb, const VerbContext& context);

// Whether `verb` ends in its own way on SIGTERM, SIGINT and SIGUSR1, by a SignalWatch.
bool handles_signals(const std::string& verb, const std::string& subject);

// Whether `verb` trains or classifies, or measures that, and so needs to know where to compute.
bool computes(const std::string& verb);

// Whether `verb` trains, and so has the run folder for itself.
bool trains(const std::string& verb);

// What must be in the environment of `verb` before MPI starts.
void prepare_environment(const std::string& verb, const std::string& subject);

// Whether the ranks of `verb` leave a trace of what they do when in the run folder.
bool traces(const std::string& verb, const Config& config);

// Whether `verb` makes or changes what the run folder holds, so that the folder keeps its
// configuration; `predict`, `export`, `plan`, `top` and `report` do not, nor who loads or joins a
// service that runs there.
bool writes_configuration(const std::string& verb, const Config& config);

}  // namespace podium
