#include "ckpt/engine/rounds.hpp"

#include <algorithm>

#include "core/clock.hpp"

namespace podium::ckpt::engine {
namespace {

constexpr int bucket_tag = 1;
constexpr int agreement_tag = 2;

}  // namespace

// By dissemination, as in a barrier: the largest of all has passed everybody after log2(ranks)
// steps, whatever their number.
Agreement agree(comm::Communicator& group, const Agreement& own) {
  Agreement all = own;
  const int ranks = group.size();
  for (int step = 1; step < ranks; step *= 2) {
    Agreement theirs{};
    const int from = (group.rank() - step + ranks) % ranks;
    const int to = (group.rank() + step) % ranks;
    const Agreement sent = all;
    comm::Request receiving =
        group.irecv(std::as_writable_bytes(std::span(theirs)), from, agreement_tag);
    comm::Request sending = group.isend(std::as_bytes(std::span(sent)), to, agreement_tag);
    group.wait(receiving, "agreement of checkpoint ranks", from);
    group.wait(sending, "agreement of checkpoint ranks", to);
    for (size_t i = 0; i < all.size(); ++i) all[i] = std::max(all[i], theirs[i]);
  }
  return all;
}

struct Rounds::Way {
  const Plan& plan;
  const HostShard& shard;
  const uint64_t base;
  const Buffers& buffers;
  const RoundLimits& limits;

  // H2D buffers take turns.
  size_t buffer(size_t round) const { return round % buffers.h2d; }
  // The bucket that `rank` brings in `round`, or null.
  const Bucket* own(size_t round, int rank) const {
    for (size_t i = plan.rounds[round]; i < plan.rounds[round + 1]; ++i) {
      if (plan.buckets[i].owner == rank) return &plan.buckets[i];
    }
    return nullptr;
  }
};

Rounds::Rounds(comm::Communicator& group, const Pods& pods, const Segment& segment, Stages& stages,
               size_t spans)
    : group_(group),
      pods_(pods),
      segment_(segment),
      stages_(stages),
      uploader_(stages, spans),
      spans_(spans) {
  sends_.reserve(static_cast<size_t>(pods.count()));
}

Rounds::Result Rounds::run(const Plan& plan, const HostShard& shard, uint64_t base, Schedule wish,
                           const Buffers& buffers, const RoundLimits& limits) {
  const Way way{plan, shard, base, buffers, limits};
  Result result;
  spans_.clear();
  uploader_.spans().clear();
  const size_t rounds = plan.round_count();
  AutoChoice choice(wish, buffers, rounds);
  bool trial_ended = false;
  int64_t trial_begin = trace_now_ns();
  if (rounds > 0) request_upload(way, 0);
  for (size_t round = 0; round < rounds; ++round) {
    if (const std::string& failure = uploader_.wait(); !failure.empty()) result.failure = failure;
    const Agreement agreed = agree(group_, {result.failure.empty() ? 0U : 1U,
                                            static_cast<uint64_t>(trace_now_ns() - trial_begin)});
    result.failed = agreed[0] != 0;
    if (result.failed) break;
    if (round > 0) {
      if (trial_ended) choice.trial_took(agreed[1]);
      if (trial_ended) trial_begin = trace_now_ns();
      choice.next_round();
    }
    const Schedule schedule = choice.now();
    const bool more = round + 1 < rounds;
    if (more && schedule == Schedule::three) request_upload(way, round + 1);
    send_round(way, round, schedule);
    trial_ended = choice.ends_trial();
    if (trial_ended || schedule != Schedule::three) {
      segment_.wait_taken(base + plan.rounds[round + 1], limits.stall, group_.policy().limit);
    }
    if (more && schedule != Schedule::three) request_upload(way, round + 1);
  }
  result.schedule = choice.now();
  return result;
}

void Rounds::request_upload(const Way& way, size_t round) {
  if (const Bucket* bucket = way.own(round, group_.rank())) {
    uploader_.request(way.buffer(round), way.shard.of(*bucket));
  }
}

void Rounds::send_round(const Way& way, size_t round, Schedule schedule) {
  const int pod = pods_.of(group_.rank());
  for (size_t i = way.plan.rounds[round]; i < way.plan.rounds[round + 1]; ++i) {
    const int owner = way.plan.buckets[i].owner;
    if (owner == group_.rank()) {
      send_own(way, i, schedule);
    } else if (pods_.of(owner) != pod && pods_.receiver(pod, owner) == group_.rank()) {
      receive_for_pod(way, i, schedule);
    }
  }
}

// With nothing overlapped a bucket waits until the one before it has been taken everywhere here.
void Rounds::wait_for_slot(const Way& way, uint64_t seq, Schedule schedule) {
  const std::chrono::milliseconds limit = group_.policy().limit;
  if (schedule == Schedule::one) {
    segment_.wait_taken(seq, way.limits.stall, limit);
  } else {
    segment_.wait_free(seq, way.limits.stall, limit);
  }
}

void Rounds::send_own(const Way& way, size_t index, Schedule schedule) {
  const Bucket& bucket = way.plan.buckets[index];
  const uint64_t seq = way.base + index;
  const auto round = static_cast<size_t>(bucket.shard_offset / way.plan.bucket_bytes);
  const size_t buffer = way.buffer(round);
  wait_for_slot(way, seq, schedule);
  const int64_t begin = trace_now_ns();
  sends_.clear();
  for (int pod = 0; pod < pods_.count(); ++pod) {
    if (pod == pods_.of(group_.rank())) continue;
    sends_.push_back(group_.isend(stages_.outgoing(buffer, bucket.bytes),
                                  pods_.receiver(pod, bucket.owner), bucket_tag));
  }
  stages_.place(seq, buffer, bucket.bytes);
  segment_.publish(seq);
  for (comm::Request& request : sends_) group_.wait(request, "broadcast of a bucket", -1);
  spans_.add("broadcast (src)", begin);
}

void Rounds::receive_for_pod(const Way& way, size_t index, Schedule schedule) {
  const Bucket& bucket = way.plan.buckets[index];
  const uint64_t seq = way.base + index;
  wait_for_slot(way, seq, schedule);
  const int64_t begin = trace_now_ns();
  comm::Request receiving =
      group_.irecv(stages_.landing(seq, bucket.bytes), bucket.owner, bucket_tag);
  group_.wait(receiving, "broadcast of a bucket", bucket.owner);
  stages_.landed(seq, bucket.bytes);
  segment_.publish(seq);
  spans_.add("broadcast (dst)", begin);
}

}  // namespace podium::ckpt::engine
