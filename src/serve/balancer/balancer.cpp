#include "serve/balancer/balancer.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "core/error.hpp"

namespace podium::serve {
namespace {

constexpr double first_share = 0.1;

// Requests in flight once this one is added, for its share.
double cost(const ReplicaLoad& replica) {
  return static_cast<double>(replica.in_flight + 1) / replica.share;
}

// Of (0, 1).
double uniform(uint64_t bits) {
  return (static_cast<double>(bits >> 11) + 0.5) * 0x1.0p-53;
}

}  // namespace

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

double warm_share(double ready_ms, double slow_start_ms) {
  if (ready_ms >= slow_start_ms) return 1;
  return first_share + (1 - first_share) * std::max(ready_ms, 0.0) / slow_start_ms;
}

std::optional<size_t> Balancer::pick(std::span<const ReplicaLoad> replicas, uint64_t key) {
  find_choices(replicas);
  if (choices_.empty()) return std::nullopt;
  switch (policy_) {
    case Policy::round_robin:
      return in_turn(replicas);
    case Policy::least_connections:
      return choices_.size() > few_replicas ? better_of_two(replicas) : least_loaded(replicas);
    case Policy::hash:
      return by_key(replicas, key);
  }
  return std::nullopt;
}

void Balancer::find_choices(std::span<const ReplicaLoad> replicas) {
  choices_.clear();
  for (const bool ejected : {false, true}) {
    for (size_t i = 0; i < replicas.size(); ++i) {
      if (replicas[i].ready && replicas[i].ejected == ejected) choices_.push_back(i);
    }
    if (!choices_.empty()) return;
  }
}

size_t Balancer::in_turn(std::span<const ReplicaLoad> replicas) {
  credit_.resize(replicas.size());
  double all = 0;
  size_t best = choices_.front();
  for (const size_t i : choices_) {
    credit_[i] += replicas[i].share;
    all += replicas[i].share;
    if (credit_[i] > credit_[best]) best = i;
  }
  credit_[best] -= all;
  // Whoever comes back begins anew, or it would be paid for its absence.
  for (size_t i = 0; i < replicas.size(); ++i) {
    if (!replicas[i].ready) credit_[i] = 0;
  }
  return best;
}

size_t Balancer::least_loaded(std::span<const ReplicaLoad> replicas) {
  std::optional<size_t> best;
  for (size_t step = 0; step < replicas.size(); ++step) {
    const size_t i = (turn_ + step) % replicas.size();
    if (!std::ranges::binary_search(choices_, i)) continue;
    if (!best || cost(replicas[i]) < cost(replicas[*best])) best = i;
  }
  turn_ = *best + 1;
  return *best;
}

size_t Balancer::better_of_two(std::span<const ReplicaLoad> replicas) {
  const size_t count = choices_.size();
  const size_t first = chance_.below(count);
  const size_t second = (first + 1 + chance_.below(count - 1)) % count;
  const size_t a = choices_[first];
  const size_t b = choices_[second];
  return cost(replicas[b]) < cost(replicas[a]) ? b : a;
}

// The first in the key's order of replicas that has room; one always has, as the bound is above 1.
size_t Balancer::by_key(std::span<const ReplicaLoad> replicas, uint64_t key) const {
  double shares = 0;
  size_t in_flight = 1;  // with the request at hand
  for (const size_t i : choices_) {
    shares += replicas[i].share;
    in_flight += replicas[i].in_flight;
  }
  const double bound = load_bound * static_cast<double>(in_flight) / shares;
  size_t best = choices_.front();
  double best_weight = -1;
  for (const size_t i : choices_) {
    if (static_cast<double>(replicas[i].in_flight) >= std::ceil(bound * replicas[i].share))
      continue;
    const double weight = replicas[i].share / -std::log(uniform(mix64(key ^ mix64(i))));
    if (weight <= best_weight) continue;
    best = i;
    best_weight = weight;
  }
  return best;
}

}  // namespace podium::serve
