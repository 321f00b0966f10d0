// The log of a worker process: standard error for its errors, and its own file beside those of the
// ranks, where its rank keeps one. It has the worker's last words too (last_words.hpp).
#pragma once

#include <string>

#include "core/log.hpp"

namespace podium {

// In the environment of a rank that keeps a log file, and so of its workers: the folder.
inline constexpr const char* worker_logs_variable = "PODIUM_WORKER_LOGS";

// `name` is how people call the worker: "child 3". Of workers that share a name, each has a file.
// REQUIRES: called once, by a process that a WorkerProcess has started.
Log open_worker_log(const std::string& name);

}  // namespace podium
