// Balancer: which replica takes the next request. Pure arithmetic without sockets or clocks.
//
//   round_robin        in turn over the replicas that are ready, by smooth weighted round robin
//                      (nginx 1.3): one with half the share gets every second turn.
//   least_connections  the fewest requests in flight for its share, ties in turn. Among more than
//                      `few_replicas` it compares two that chance picks (Mitzenmacher 2001).
//   hash               equal keys to the same replica: weighted rendezvous hashing (Thaler &
//                      Ravishankar 1998), where only the keys of a replica that leaves move. No
//                      replica holds more than `load_bound` times its part of what is in flight
//                      (Mirrokni, Thorup & Zadimoghaddam 2018); beyond it a key goes to its next
//                      one.
//
// A replica that is ejected takes requests only when every one that is ready is. Used by one
// thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/random.hpp"

namespace podium::serve {

enum class Policy { round_robin, least_connections, hash };

// Parses "round_robin", "least_connections" or "hash"; throws usage_error otherwise.
Policy parse_policy(std::string_view text);
const char* to_string(Policy policy);

// What a policy may know of one replica.
struct ReplicaLoad {
  bool ready = false;
  size_t in_flight = 0;
  double share = 1;  // of what a warm replica gets, above 0 and at most 1 (slow start)
  bool ejected = false;
};

// While a version is on trial (canary.hpp) replicas and clients are of two sides; else all are of
// the first.
enum class Side { current, trial };

// The share of a replica that has been ready for `ready_ms`: from a tenth to all of it, over
// `slow_start_ms`.
double warm_share(double ready_ms, double slow_start_ms);

class Balancer {
 public:
  static constexpr size_t few_replicas = 4;
  static constexpr double load_bound = 1.25;

  explicit Balancer(Policy policy) : policy_(policy) {}

  // Index of the replica for a request with `key`; empty when none is ready.
  std::optional<size_t> pick(std::span<const ReplicaLoad> replicas, uint64_t key);

 private:
  void find_choices(std::span<const ReplicaLoad> replicas);
  size_t in_turn(std::span<const ReplicaLoad> replicas);
  size_t least_loaded(std::span<const ReplicaLoad> replicas);
  size_t better_of_two(std::span<const ReplicaLoad> replicas);
  size_t by_key(std::span<const ReplicaLoad> replicas, uint64_t key) const;

  Policy policy_;
  std::vector<size_t> choices_;  // replicas that may take the request at hand, ascending
  std::vector<double> credit_;   // round_robin: of each replica, what it is owed
  size_t turn_ = 0;              // least_connections: where the search for the next begins
  Random chance_{0x62616c616e6365};
};

}  // namespace podium::serve
