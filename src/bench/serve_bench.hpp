// What `podium bench serve` measures: a service under load, in cases that compare it with itself
// and with a bare HTTP server.
//
//   costs     closed loop, as fast as it goes: replicas without a model (what service, batcher and
//             protocol take), then each model; against an echo of the same bytes by Beast alone
//   fixed     one replica and three with a fixed time for each batch of one image
//   replicas  one replica and two, with each model
//   load      open loop at given rates, at half of what is reached, or at the highest rate that
//             holds a p99
//
// A service of its own runs in this process, its replicas are children; the load has threads of
// its own, whose processor time is told apart. Where a server runs already, only `load` is
// measured, in an open loop or a closed one. Each case is measured in turns (samples.hpp).
#pragma once

#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "bench/load/load.hpp"
#include "bench/load/requests.hpp"
#include "core/log.hpp"
#include "serve/service.hpp"

namespace podium::bench {

// A model to serve: a snapshot, and what its replicas are told.
struct ServedModel {
  std::string name;  // in the table
  std::string path;
  std::vector<std::string> replica_arguments;
  AskedImages images;
};

// How fast requests come in `load`.
struct Pace {
  enum class Kind { given, half, search };
  Kind kind = Kind::half;
  std::vector<double> rates;  // of `given`, per second
  double p99_ms = 10;         // of `search`
};

struct ServeBenchOptions {
  std::vector<std::string> cases;  // of those above
  std::vector<ServedModel> models;
  std::vector<std::string> kinds = {"json", "binary"};  // of requests
  LoadOptions load;  // clients: of closed loops; its seconds are those of one measurement
  Pace pace;
  int images = 1;      // of a request
  int service_ms = 5;  // of `fixed`
  int repetitions = 5;
  serve::ServiceOptions service;  // of the services that are started
  Log log;
};

// Medians over the repetitions.
struct ServeRow {
  std::string what;
  double per_second = 0;  // answered with 200
  double spread = 0;
  double asked_per_second = 0;   // of an open loop; 0: closed
  double theirs_per_second = 0;  // of what it is compared with; 0: nothing
  std::string theirs;            // that
  double p50_ms = 0, p90_ms = 0, p99_ms = 0, p99_9_ms = 0, most_ms = 0;
  int64_t requests = 0;                   // in all repetitions
  std::map<std::string, int64_t> failed;  // by status, "broken" or "timed out"
  double service_us = -1;                 // processor time per request; -1: not known
  double replicas_us = -1;
  double load_us = 0;
  double late_p99_ms = 0;  // by which requests were sent after they were due
};

// Throws usage_error for an unknown case.
void check_cases(const std::vector<std::string>& cases);

// Throws as check_cases(), unavailable_error when a service cannot be started or no request of all
// was answered, and what run_load() throws.
std::vector<ServeRow> bench_serve(const ServeBenchOptions& options);

// A server that runs already. Throws unavailable_error when no request was answered, and what
// run_load() throws.
std::vector<ServeRow> bench_server(const LoadTarget& target, const ServeBenchOptions& options);

// The highest rate at which `holds`, within 5 %; 0 when none does down to `least`. `holds` is asked
// for rates that double from `least` on, and then for those between the last two. Pure.
double highest_rate(double least, const std::function<bool(double)>& holds);

// "429: 3, broken: 1", or "none".
std::string failures_text(const std::map<std::string, int64_t>& failed);

std::string to_text(const std::vector<ServeRow>& rows);
nlohmann::ordered_json to_json(const std::vector<ServeRow>& rows);

}  // namespace podium::bench
