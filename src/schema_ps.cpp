// Options of parameter servers: of training through them, and of what else keeps a Θ there.
#include "schema_lists.hpp"

namespace podium::schema {

using enum ValueKind;

std::vector<OptionSpec> ps_options() {
  return {
      {"ps.servers", integer, "2", "parameter servers, which share the values", {}, 1, 256},
      {"ps.replicas",
       integer,
       "0",
       "backups of each range, on other servers: one of these may be lost while training goes on",
       {},
       0,
       16},
      {"ps.consistency",
       text,
       "bsp",
       "who waits for whom: bsp: all for each other in each step; ssp: for those more than "
       "ps.staleness steps behind; asp: nobody",
       {"bsp", "ssp", "asp"}},
      {"ps.staleness",
       integer,
       "0",
       "ssp: steps that a trainer may be ahead of the slowest, at least 1 (bench sync takes 4 for "
       "0)",
       {},
       0,
       1000000},
      {"ps.transport",
       text,
       "tcp",
       "tcp: servers are processes that may die; mpi: the last ranks of the job, which may not",
       {"tcp", "mpi"}},
      {"ps.trainers",
       integer,
       "0",
       "worker processes of each rank that train in its place, and may die while the others go on; "
       "0: the ranks train",
       {},
       0,
       64},
      {"ps.shared_memory", boolean, "true",
       "tcp: large payloads within a node go through shared memory; else all goes by TCP"},
      {"ps.split", bytes, "64KiB", "larger buffers may be split over servers", {}, 4},
      {"ps.filter.encoding",
       text,
       "fp32",
       "how pushed values travel; what rounding leaves over goes with the next push",
       {"fp32", "fp16", "bf16"}},
      {"ps.filter.significance",
       real,
       "0",
       "push only values above so many times the root mean square of their range; the rest waits "
       "until it adds up; 0: all",
       {},
       0,
       1000},
      {"ps.filter.key_caching", boolean, "true", "name the keys of sparse pushes only once"},
  };
}

}  // namespace podium::schema
