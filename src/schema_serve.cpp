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
      {"serve.auth",
       text,
       "token",
       "what requests must show: the token that is made at the start, or nothing",
       {"token", "off"}},
      {"serve.token_file", text, "",
       "file of the token, made when it is not there; empty: serve.token in the run folder"},
      {"serve.tls_cert", text, "", "PEM file of the certificate for TLS; empty: plain HTTP"},
      {"serve.tls_key", text, "", "PEM file of the certificate's key"},
      {"serve.access_log", text, "", "file to append one JSON line per request to; empty: none"},
      {"serve.connections", integer, "1024", "open connections; more get 503", {}, 1, 100000},
      {"serve.client_connections",
       integer,
       "512",
       "open connections from one address; more get 503",
       {},
       1,
       100000},
  };
}

}  // namespace podium::schema
