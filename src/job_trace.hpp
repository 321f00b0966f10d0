// JobTrace: the trace of a job, from the folder that its ranks write to, to the trace.json that
// rank 0 makes of it (docs/tracing.md). A trace that fails costs the trace, never the job.
//
// Threads: begin() and end() belong to main's; tracer() may be used by any.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "comm/mpi/mpi_environment.hpp"
#include "config.hpp"
#include "core/log.hpp"
#include "core/trace.hpp"

namespace podium {

class JobTrace {
 public:
  // Off until begin(). Both outlive it.
  JobTrace(comm::MpiEnvironment& mpi, const Log& log) : mpi_(mpi), log_(log) {}

  // Collective, before any role starts.
  void begin(const std::filesystem::path& run_dir, const std::string& verb, const Config& config);
  // Collective, when all are done: measures the clocks again and merges. Ranks that come early
  // sleep.
  void end();

  Tracer& tracer() { return tracer_ ? *tracer_ : off_; }

 private:
  void tell_clock();
  void merge() const;

  comm::MpiEnvironment& mpi_;
  const Log& log_;
  Tracer off_;
  std::unique_ptr<comm::Communicator> group_;  // of all ranks, for this alone; null: off
  std::filesystem::path run_dir_;
  std::filesystem::path folder_;
  std::optional<Tracer> tracer_;
};

}  // namespace podium
