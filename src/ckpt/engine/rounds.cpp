#include "ckpt/engine/rounds.hpp"

#include <algorithm>

#include "core/clock.hpp"
#include "core/span_names.hpp"

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
  const std::span<const char> travels;

  bool partial() const { return !travels.empty(); }
  // Calls action(offset, bytes) for each stretch of a bucket that travels between pods.
  template <typename Action>
  void for_stretches(const Bucket& bucket, const Action& action) const {
    if (!partial()) return action(uint64_t{0}, bucket.bytes);
    for (size_t i = bucket.first_chunk; i < bucket.last_chunk; ++i) {
      if (travels[i] == 0) continue;
      const uint64_t begin = plan.chunks[i].bucket_offset;
      while (i + 1 < bucket.last_chunk && travels[i + 1] != 0) ++i;
      action(begin, plan.chunks[i].bucket_offset + plan.chunks[i].bytes - begin);
    }
  }

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
  const size_t most_stretches = segment.slot_bytes() / chunk_bytes / 2 + 1;
  requests_.reserve(static_cast<size_t>(pods.count()) * most_stretches);
}

Rounds::Result Rounds::run(const Plan& plan, const HostShard& shard, uint64_t base, Schedule wish,
                           const Buffers& buffers, const RoundLimits& limits,
                           std::span<const char> travels) {
  const Way way{plan, shard, base, buffers, limits, travels};
  Result result;
  spans_.clear();
  uploader_.spans().clear();
  // Nothing is measured where all have the buffers of all: the shards themselves.
  if (stages_.direct() && wish == Schedule::automatic) wish = Schedule::three;
  if (stages_.direct() && wish == Schedule::three && pods_.count() == 1) {
    publish_all(way);
    result.schedule = wish;
    return result;
  }
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

// Workers go on from one bucket to the next without waiting for anybody.
void Rounds::publish_all(const Way& way) {
  for (size_t i = 0; i < way.plan.buckets.size(); ++i) {
    if (way.plan.buckets[i].owner != group_.rank()) continue;
    const int64_t begin = trace_now_ns();
    wait_to_publish(way, way.base + i, Schedule::three);
    segment_.publish(way.base + i);
    spans_.add(spans::broadcast_src, begin);
  }
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

// A bucket waits for the one whose slot it takes; with nothing overlapped, for the one before it.
void Rounds::wait_for_slot(const Way& way, uint64_t seq, Schedule schedule) {
  const uint64_t ahead = schedule == Schedule::one ? 1 : segment_.slot_count();
  if (seq < way.base + ahead) return;
  segment_.wait_passed(seq - ahead, way.limits.stall, group_.policy().limit);
}

// What lies in no slot waits for none, unless the schedule holds it back.
void Rounds::wait_to_publish(const Way& way, uint64_t seq, Schedule schedule) {
  if (stages_.direct() && schedule == Schedule::three) {
    segment_.wait_note(seq, way.limits.stall, group_.policy().limit);
  } else {
    wait_for_slot(way, seq, schedule);
  }
}

void Rounds::send_own(const Way& way, size_t index, Schedule schedule) {
  const Bucket& bucket = way.plan.buckets[index];
  const uint64_t seq = way.base + index;
  const auto round = static_cast<size_t>(bucket.shard_offset / way.plan.bucket_bytes);
  const size_t buffer = way.buffer(round);
  wait_to_publish(way, seq, schedule);
  const int64_t begin = trace_now_ns();
  const std::span<const std::byte> bytes = stages_.outgoing(buffer, bucket.bytes);
  requests_.clear();
  for (int pod = 0; pod < pods_.count(); ++pod) {
    if (pod == pods_.of(group_.rank())) continue;
    way.for_stretches(bucket, [&](uint64_t offset, uint64_t count) {
      requests_.push_back(group_.isend(bytes.subspan(offset, count),
                                       pods_.receiver(pod, bucket.owner), bucket_tag));
    });
  }
  stages_.place(seq, buffer, bucket.bytes);
  segment_.publish(seq);
  for (comm::Request& request : requests_) group_.wait(request, "broadcast of a bucket", -1);
  spans_.add(spans::broadcast_src, begin);
}

void Rounds::receive_for_pod(const Way& way, size_t index, Schedule schedule) {
  const Bucket& bucket = way.plan.buckets[index];
  const uint64_t seq = way.base + index;
  wait_for_slot(way, seq, schedule);
  const int64_t begin = trace_now_ns();
  const std::span<std::byte> bytes = stages_.landing(seq, bucket.bytes);
  requests_.clear();
  way.for_stretches(bucket, [&](uint64_t offset, uint64_t count) {
    requests_.push_back(group_.irecv(bytes.subspan(offset, count), bucket.owner, bucket_tag));
  });
  for (comm::Request& request : requests_) {
    group_.wait(request, "broadcast of a bucket", bucket.owner);
  }
  stages_.landed(seq, bucket.bytes);
  segment_.publish(seq, way.partial());
  spans_.add(spans::broadcast_dst, begin);
}

}  // namespace podium::ckpt::engine
