// What `podium bench ps` measures: pushes, pulls and both at once, between one worker and one
// server process that adds what it gets, through shared memory and by TCP.
//
// One under way shows the time of a round trip, several show the throughput. Every byte of a
// payload counts, each way. The limit is memcpy of as many bytes into as many buffers, by one
// thread of this process. Processor time is that of both processes. Sparse rows move 100,000 keys
// with one float each, spread over all of Θ; only the floats count. The peer is ps-lite, where
// bench/make_ps_lite.sh has built it: the same work in the same run, by turns.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/log.hpp"

namespace podium::bench {

struct PsBenchOptions {
  size_t least_bytes = 4;
  size_t most_bytes = size_t{64} << 20;
  int in_flight = 8;  // of the rows with several, as far as 64 MiB go
  int repetitions = 5;
  double seconds = 0.1;  // of one measurement
  std::string peer;      // the program of bench/make_ps_lite.sh; empty: none
  Log log;
};

// One work, whoever does it.
struct PsWork {
  std::string operation;  // "push", "pull", "push_pull"
  size_t bytes = 0;       // of the floats, one way
  int in_flight = 1;
  bool sparse = false;

  // Of one operation, both ways.
  double moved_bytes() const;
};

struct PsFigures {
  double bytes_per_s = 0;
  double p50_us = 0;
  double p99_us = 0;
  double cpu_ns_per_byte = 0;
};

struct PsRow {
  std::string way;  // "shared memory" or "tcp"
  PsWork work;
  PsFigures ours;  // medians
  double spread = 0;
  std::optional<PsFigures> theirs;
  double memcpy_bytes_per_s = 0;
};

struct PsBench {
  std::vector<PsRow> rows;
  std::string peer;  // what theirs are, or why there are none
};

// Starts the servers as processes of this executable. Throws usage_error where no size is to be
// measured, and what ServerGroup throws.
PsBench bench_ps(const PsBenchOptions& options);

std::string to_text(const PsBench& bench);
nlohmann::ordered_json to_json(const PsBench& bench);

}  // namespace podium::bench
