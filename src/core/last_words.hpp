// LastWords: what a process that dies of a signal (a fault, an abort of a library) still says.
//
// From then on a fatal signal writes one line to standard error and to the process's log file, with
// who died of what and what it had said last, and, if there is such a file, an event into the
// job's metrics.jsonl. Then the process dies of the signal as it would have done: handlers that
// others had installed come next (Open MPI's, a sanitizer's).
//
// Signal handlers get no argument of ours, so this is the one place where a process keeps something
// for all of itself. The handler runs amid anything: it neither allocates nor locks, and only calls
// what POSIX allows there. A child by fork(2) that has not started a program of its own says
// nothing.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "core/log_file.hpp"

namespace podium {

struct LastWords {
  std::string who;             // "rank 2", "replica-0"
  std::filesystem::path file;  // metrics.jsonl; empty for a process whose death is no failure
  // The event's beginning, `{"event": ..., ` with all that is known from the start.
  std::string event_head;
  int64_t started_ns = 0;  // the event counts its time from here, on the steady clock
};

// For the rest of the process's life. REQUIRES: called once; MPI, if any, has started.
void say_last_words(LastWords words, std::shared_ptr<const LogFile> log);

}  // namespace podium
