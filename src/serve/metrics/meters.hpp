// Meters: histograms and counters of the answers that a service has given. Lives on its thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "serve/metrics/bounded_counts.hpp"
#include "serve/metrics/recent.hpp"
#include "serve/protocol/message.hpp"

namespace podium::serve {

// Of one replica, or of all answers together.
struct MeterSet {
  explicit MeterSet(Recent::Time start);

  void record(const ReplyFields& reply, double milliseconds, Recent::Time now);

  LatencyHistogram latency;  // since the start; finer than `seconds`
  BoundedCounts seconds;     // from the request read to its reply ready
  BoundedCounts queue;       // seconds between a request's parsing and its batch
  BoundedCounts batch;       // images of the batch that computed each request
  Recent recent;
  int64_t failed = 0;  // answered 5xx
};

class Meters {
 public:
  explicit Meters(size_t replicas, Recent::Time start = SteadyClock::now());

  // An answer to a prediction, by a replica or, without one, by the service itself.
  void answered(const ReplyFields& reply, std::optional<size_t> replica, double milliseconds,
                Recent::Time now = SteadyClock::now());
  // A request of any kind that was turned away.
  void rejected(const std::string& reason) { ++rejected_[reason]; }

  const MeterSet& all() const { return all_; }
  // Of the replicas that were there at the start, and those that answered since.
  const std::vector<MeterSet>& replicas() const { return replicas_; }
  const std::map<int, int64_t>& statuses() const { return statuses_; }
  const std::map<std::string, int64_t>& rejections() const { return rejected_; }
  double uptime_s(Recent::Time now) const {
    return std::chrono::duration<double>(now - start_).count();
  }

 private:
  Recent::Time start_;
  MeterSet all_;
  std::vector<MeterSet> replicas_;
  std::map<int, int64_t> statuses_;
  std::map<std::string, int64_t> rejected_;
};

}  // namespace podium::serve
