// `podium bench sync`: the same models by AllReduce and by parameter servers, in one job.
#pragma once

#include "verbs.hpp"

namespace podium {

// Trains the models of run.models by each way of --bench.syncs, in turns, each as `train` does but
// without checkpoints. Collective. Returns this rank's exit code; throws Error.
ExitCode bench_sync_verb(const VerbContext& context);

}  // namespace podium
