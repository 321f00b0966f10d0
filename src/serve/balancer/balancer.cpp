#include "serve/balancer/balancer.hpp"

#include <string>

#include "core/error.hpp"
#include "core/random.hpp"

namespace podium::serve {

Policy parse_policy(std::string_view text) {
  for (const Policy policy : {Policy::round_robin, Policy::least_connections, Policy::hash}) {
    if (text == to_string(policy)) return policy;
  }
  throw usage_error("unknown balancing policy '" + std::string(text) + "'", "--serve.policy",
                    "use round_robin, least_connections or hash");
}

const char* to_string(Policy policy) {
  switch (policy) {
    case Policy::round_robin:
      return "round_robin";
    case Policy::least_connections:
      return "least_connections";
    case Policy::hash:
      return "hash";
  }
  return "unknown";
}

std::optional<size_t> Balancer::pick(std::span<const ReplicaLoad> replicas, uint64_t key) {
  switch (policy_) {
    case Policy::round_robin:
      return in_turn(replicas);
    case Policy::least_connections:
      return least_loaded(replicas);
    case Policy::hash:
      return by_key(replicas, key);
  }
  return std::nullopt;
}

std::optional<size_t> Balancer::in_turn(std::span<const ReplicaLoad> replicas) {
  for (size_t step = 0; step < replicas.size(); ++step) {
    const size_t i = (turn_ + step) % replicas.size();
    if (!replicas[i].ready) continue;
    turn_ = i + 1;
    return i;
  }
  return std::nullopt;
}

std::optional<size_t> Balancer::least_loaded(std::span<const ReplicaLoad> replicas) {
  std::optional<size_t> best;
  for (size_t step = 0; step < replicas.size(); ++step) {
    const size_t i = (turn_ + step) % replicas.size();
    if (!replicas[i].ready) continue;
    if (!best || replicas[i].in_flight < replicas[*best].in_flight) best = i;
  }
  if (best) turn_ = *best + 1;
  return best;
}

std::optional<size_t> Balancer::by_key(std::span<const ReplicaLoad> replicas, uint64_t key) const {
  std::optional<size_t> best;
  uint64_t best_weight = 0;
  for (size_t i = 0; i < replicas.size(); ++i) {
    if (!replicas[i].ready) continue;
    const uint64_t weight = mix64(key ^ mix64(i));
    if (!best || weight > best_weight) {
      best = i;
      best_weight = weight;
    }
  }
  return best;
}

}  // namespace podium::serve
