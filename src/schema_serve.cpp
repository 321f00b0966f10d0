// Options of a serving rank.
#include "schema_lists.hpp"

namespace podium::schema {

using enum ValueKind;

std::vector<OptionSpec> serve_options() {
  return {
      {"serve.model", text, "", "name in the URLs, /v2/models/NAME; default: the data set's"},
      {"serve.address", text, "127.0.0.1", "address to listen on"},
      {"serve.port", integer, "8080", "port to listen on; 0 takes a free one", {}, 0, 65535},
      {"serve.replicas", integer, "2", "worker processes per serving rank", {}, 1, 256},
      {"serve.policy",
       text,
       "round_robin",
       "how the balancer picks a replica",
       {"round_robin", "least_connections", "hash"}},
      {"serve.max_batch", integer, "64", "images a replica computes at once", {}, 1, 4096},
      {"serve.batch_delay_ms", integer, "0", "longest wait for a fuller batch, ms", {}, 0, 10000},
      {"serve.queue",
       integer,
       "1024",
       "requests accepted and not yet answered; more get 429",
       {},
       1,
       1000000},
      {"serve.timeout_ms",
       integer,
       "10000",
       "longest time to answer one request, ms",
       {},
       1,
       3600000},
      {"serve.drain_s",
       integer,
       "30",
       "longest time to finish accepted requests at the end, s",
       {},
       0,
       3600},
      {"serve.linger", text, "0",
       "seconds to go on serving once all is trained, or forever (until SIGTERM)"},
      {"serve.batch_target_p99_ms",
       integer,
       "0",
       "batches as large and as late as this p99 of a replica allows, ms; 0: by max_batch",
       {},
       0,
       60000},
      {"serve.replica_queue",
       integer,
       "0",
       "requests a replica holds, more wait before it; 0: twice max_batch",
       {},
       0,
       100000},
      {"serve.grace_ms",
       integer,
       "0",
       "at the end, time in which it is unready and still accepts requests, ms",
       {},
       0,
       600000},
  };
}

}  // namespace podium::schema
