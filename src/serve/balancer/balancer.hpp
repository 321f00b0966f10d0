// Balancer: which replica takes the next request. Pure arithmetic without sockets or clocks.
//
// round_robin deals in turn over the replicas that are ready. least_connections takes the one with
// the fewest requests in flight, ties in turn. hash sends equal keys to the same replica as long as
// it is ready, and moves only the keys of a replica that went away (rendezvous hashing, Thaler &
// Ravishankar 1998). Used by one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace podium::serve {

enum class Policy { round_robin, least_connections, hash };

// Parses "round_robin", "least_connections" or "hash"; throws usage_error otherwise.
Policy parse_policy(std::string_view text);
const char* to_string(Policy policy);

// What a policy may know of one replica.
struct ReplicaLoad {
  bool ready = false;
  size_t in_flight = 0;
};

class Balancer {
 public:
  explicit Balancer(Policy policy) : policy_(policy) {}

  // Index of the replica for a request with `key`; empty when none is ready.
  std::optional<size_t> pick(std::span<const ReplicaLoad> replicas, uint64_t key);

 private:
  std::optional<size_t> in_turn(std::span<const ReplicaLoad> replicas);
  std::optional<size_t> least_loaded(std::span<const ReplicaLoad> replicas);
  std::optional<size_t> by_key(std::span<const ReplicaLoad> replicas, uint64_t key) const;

  Policy policy_;
  size_t turn_ = 0;  // where the search for the next replica begins
};

}  // namespace podium::serve
