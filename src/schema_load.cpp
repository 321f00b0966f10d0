// Options of loads on a service: what joins those of the other benchmarks.
#include "schema_lists.hpp"

namespace podium::schema {

using enum ValueKind;

namespace {

std::vector<OptionSpec> pace_options() {
  return {
      {"bench.rates", text, "half",
       "bench serve, case load: requests per second, by commas; half: of what a closed loop "
       "reaches; search: the most that holds bench.p99_ms"},
      {"bench.arrivals",
       text,
       "poisson",
       "bench serve: when requests of an open loop come",
       {"poisson", "constant", "bursts"}},
      {"bench.burst", integer, "10", "bench serve: requests of a burst", {}, 1, 100000},
      {"bench.p99_ms",
       real,
       "10",
       "bench serve: latency that a search for the most requests holds, ms",
       {},
       0.001,
       60000},
      {"bench.clients",
       integer,
       "0",
       "bench serve: clients of a closed loop; 0: 16 where a case is one, and an open loop on "
       "bench.server",
       {},
       0,
       10000},
      {"bench.connections",
       integer,
       "256",
       "bench serve: most connections of an open loop",
       {},
       1,
       10000},
      {"bench.load_threads", integer, "1", "bench serve: threads that send", {}, 1, 64},
      {"bench.timeout_ms",
       integer,
       "10000",
       "bench serve: longest wait for an answer, ms",
       {},
       1,
       3600000},
  };
}

}  // namespace

std::vector<OptionSpec> load_options() {
  std::vector<OptionSpec> options = {
      {"bench.cases", text, "costs,fixed,replicas,load",
       "bench serve: what is measured (docs/serving.md)"},
      {"bench.model", text, "",
       "bench serve: snapshot, run folder or registry; empty: run.models with random weights"},
      {"bench.service_ms",
       integer,
       "5",
       "bench serve, case fixed: time of a batch, ms",
       {},
       0,
       60000},
      {"bench.request", text, "json,binary", "bench serve: kinds of requests, by commas"},
      {"bench.images", integer, "1", "bench serve: images of a request", {}, 1, 4096},
      {"bench.server", text, "",
       "bench serve: HOST:PORT of a running server, of any kind, instead of one of its own"},
      {"bench.path", text, "", "bench serve: path on that server; empty: that of serve.model"},
      {"bench.body", text, "", "bench serve: file with what is posted there; empty: made images"},
      {"bench.content_type", text, "application/json", "bench serve: type of that file"},
      {"bench.token_file", text, "",
       "bench serve: file of the server's token; empty: serve.token in the run folder, where there "
       "is one"},
      {"bench.tls_ca", text, "",
       "bench serve: PEM file of certificates to trust, or system: bench.server has TLS; empty: "
       "plain HTTP"},
  };
  const std::vector<OptionSpec> pace = pace_options();
  options.insert(options.end(), pace.begin(), pace.end());
  return options;
}

}  // namespace podium::schema
