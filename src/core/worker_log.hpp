// The log of a worker process: standard error for its errors, and its own file beside those of the
// ranks, where its rank keeps one. It has the worker's last words too (last_words.hpp).
#pragma once

#include "core/log.hpp"

namespace podium {

// REQUIRES: called once, by a process that a WorkerProcess has started.
Log open_worker_log();

}  // namespace podium
