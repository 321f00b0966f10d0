// A load: requests to an HTTP/1.1 server at the times when they are due, and what came of them.
//
// Open loop: requests are due at times of their own, whatever the server does, and a latency counts
// from the moment when its request was due. So a server that stalls is charged for the requests
// that could not even be sent meanwhile ("coordinated omission", Tene 2013). Closed loop: each
// client sends its next request when it has the answer to the last.
//
// Threads: run_load() starts those that it needs and returns when they have ended. Each drives its
// connections by epoll, one request in flight on each.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "bench/load/arrivals.hpp"
#include "serve/client/credentials.hpp"
#include "serve/latency_histogram.hpp"

namespace podium::bench {

struct LoadTarget {
  std::string host;
  int port = 0;
  std::vector<std::string> requests;    // whole HTTP requests, sent in turn
  serve::Credentials credentials = {};  // of TLS; a token stands in the requests
};

struct LoadOptions {
  int clients = 0;  // of a closed loop; 0: open loop
  ArrivalKind arrivals = ArrivalKind::poisson;
  double per_second = 100;  // of an open loop
  int burst = 10;           // requests of a burst
  int connections = 256;    // most of an open loop, of all threads together
  int threads = 1;
  double seconds = 2;
  uint64_t seed = 1;
  std::chrono::milliseconds timeout{10'000};  // of a request
};

struct LoadReport {
  double seconds = 0;                // until the last answer
  int64_t due = 0;                   // requests that should have been sent
  int64_t broken = 0;                // connections that failed or closed with one unanswered
  int64_t timed_out = 0;             // or never sent
  std::map<int, int64_t> statuses;   // answers by status
  serve::LatencyHistogram latency;   // of answers with 200, from the moment due
  serve::LatencyHistogram lateness;  // of sending
  double cpu_s = 0;                  // of the load's own threads

  int64_t answered() const;  // with 200
  int64_t failed() const { return due - answered(); }
  double per_second() const;  // answered
  void add(const LoadReport& other);
};

// Throws unavailable_error when nothing listens there or TLS with it is impossible, data_error for
// what is no HTTP, and what serve::client_tls() throws.
LoadReport run_load(const LoadTarget& target, const LoadOptions& options);

}  // namespace podium::bench
