// Pipeline: the whole of Podium in one MPI job, from raw files to served predictions.
//
// Every rank plays its roles, each in a thread of its own; rank 0 also conducts. The roles speak
// over communicators of their own, so that no two threads wait on the same messages. A role that
// fails ends the whole job through the caller's `fatal`.
#pragma once

#include <exception>
#include <functional>
#include <optional>

#include "comm/mpi/mpi_environment.hpp"
#include "core/log.hpp"
#include "workflow/conductor.hpp"
#include "workflow/settings.hpp"
#include "workflow/summary.hpp"
#include "workflow/telling.hpp"

namespace podium::workflow {

// Called on the failing thread with the error; does not return.
using Fatal = std::function<void(std::exception_ptr)>;

// Runs the pipeline to its end; `show` is as in conductor.hpp. Collective over all ranks; returns
// the summary on rank 0. REQUIRES: SIGTERM, SIGINT and SIGUSR1 are blocked in all threads.
std::optional<Summary> run_pipeline(const Settings& settings, comm::MpiEnvironment& mpi,
                                    const Telling& telling, const Show& show, const Fatal& fatal);

}  // namespace podium::workflow
