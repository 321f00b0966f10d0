// Telling: where a job tells what it does: lines and a picture for people, events for scripts,
// spans for the trace. All of it outlives the job's roles.
#pragma once

#include "core/board.hpp"
#include "core/clock.hpp"
#include "core/log.hpp"
#include "core/metrics_log.hpp"
#include "core/trace.hpp"

namespace podium::workflow {

struct Telling {
  const Log& log;
  const Stopwatch& started;  // since the start of the job
  MetricsLog& metrics;       // writes on rank 0
  Tracer& tracer;
  Board& board;  // shown on rank 0
};

}  // namespace podium::workflow
