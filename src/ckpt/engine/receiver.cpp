#include "ckpt/engine/receiver.hpp"

#include <poll.h>

#include <algorithm>
#include <cstring>

#include "core/error.hpp"
#include "core/hash.hpp"

namespace podium::ckpt::engine {
namespace {

using Milliseconds = std::chrono::milliseconds;

constexpr Milliseconds look_around{200};  // how often a wait looks whether the engine has gone

std::vector<Metas> all_metas(const Json& json) {
  std::vector<Metas> all;
  for (const Json& entry : json) all.push_back(metas_from_json(entry));
  return all;
}

bool poll_now(const Channel& channel, short events) {
  pollfd entry{channel.descriptor(), events, 0};
  return ::poll(&entry, 1, 0) != 0;
}

bool has_gone(const Channel& channel) {
  return poll_now(channel, POLLRDHUP);
}

// A message, not only the end.
bool is_waiting(const Channel& channel) {
  return !has_gone(channel) && poll_now(channel, POLLIN);
}

Error left_alone(const char* what) {
  return unavailable_error(
      std::string("the checkpoint engine has gone, or dropped this worker: ") + what, "worker",
      "join it again");
}

}  // namespace

// --- Shadow
// ---------------------------------------------------------------------------------------

Shadow::Shadow(const Plan& plan, size_t part, size_t parts) {
  place(plan, part, parts);
  memory_ = Block(last_ - first_, "the memory of shadow weights");
}

Shadow::Shadow(const Plan& plan, size_t part, size_t parts, const Intake& intake, Block memory)
    : memory_(std::move(memory)) {
  place(plan, part, parts);
  if (memory_.size() >= last_ - first_) return;
  memory_ = {};
  memory_ = intake.shadow_memory(last_ - first_);
}

void Shadow::place(const Plan& plan, size_t part, size_t parts) {
  const uint64_t lines = plan.layout.model_bytes / alignment_bytes;
  first_ = lines * part / parts * alignment_bytes;
  last_ = lines * (part + 1) / parts * alignment_bytes;
}

bool Shadow::wants(const Plan& plan, const Bucket& bucket) const {
  return std::ranges::any_of(plan.items_of(bucket), [&](const Item& item) {
    return item.place < last_ && item.place + item.bytes > first_;
  });
}

// Calls take_item(to, offset in the bucket, bytes) for all that is wanted: whether anything is.
template <typename Take>
bool Shadow::take_items(const Plan& plan, const Bucket& bucket, const Take& take_item) {
  bool wanted = false;
  for (const Item& item : plan.items_of(bucket)) {
    const uint64_t begin = std::max(item.place, first_);
    const uint64_t end = std::min(item.place + item.bytes, last_);
    if (begin >= end) continue;
    wanted = true;
    take_item(memory_.bytes() + (begin - first_), item.bucket_offset + (begin - item.place),
              end - begin);
  }
  return wanted;
}

// Copies first: a byte that changed under our hands then fails the check.
bool Shadow::take(const Plan& plan, const Bucket& bucket, std::span<const std::byte> bytes) {
  const auto copy = [&](std::byte* to, uint64_t offset, uint64_t count) {
    std::memcpy(to, bytes.data() + offset, count);
  };
  return !take_items(plan, bucket, copy) || check(bucket, bytes);
}

bool Shadow::take(const Plan& plan, const Bucket& bucket, Intake& intake, uint64_t seq) {
  intake.show(seq, bucket.bytes);
  const auto copy = [&](std::byte* to, uint64_t offset, uint64_t count) {
    intake.take(to, offset, count);
  };
  return !take_items(plan, bucket, copy) || check(bucket, intake.shown());
}

bool Shadow::check(const Bucket& bucket, std::span<const std::byte> bytes) {
  if (xxh3(bytes) == bucket.hash) return true;
  why_ = "a bucket of " + std::to_string(bucket.bytes) + " bytes from rank " +
         std::to_string(bucket.owner) + ", at byte " + std::to_string(bucket.shard_offset) +
         " of its shard, has the wrong checksum";
  return false;
}

Weights Shadow::finish(Layout layout) {
  return {std::move(layout), first_, last_ - first_, std::move(memory_)};
}

// --- Receiver
// -------------------------------------------------------------------------------------

Receiver::Receiver(const std::string& gate, ReceiverOptions options)
    : options_(std::move(options)), channel_(Channel::to_local(gate, options_.limit)) {
  FileDescriptor memory;
  channel_.send({{"role", "worker"}, {"name", options_.name}}, options_.limit);
  const std::optional<Json> welcome = channel_.receive(options_.limit, &memory);
  if (!welcome || !welcome->contains("seat")) throw left_alone("it has no seat to give");
  greeting_ = *welcome;
  seat_ = welcome->at("seat");
  segment_ = std::make_unique<Segment>(std::move(memory));
}

Json Receiver::expect(const char* what) {
  std::optional<Json> message = channel_.receive(options_.limit);
  if (!message) throw left_alone(what);
  return std::move(*message);
}

bool Receiver::take(Milliseconds limit) {
  why_.clear();
  pollfd entry{channel_.descriptor(), POLLIN, 0};
  if (::poll(&entry, 1, static_cast<int>(limit.count())) == 0) return false;
  const Json order = expect("no update began");
  const uint64_t first = order.at("first");
  Plan plan;
  std::unique_ptr<Intake> intake;
  std::optional<Shadow> shadow;
  std::string refusal;
  try {
    plan = make_plan(all_metas(order.at("metas")), order.at("bucket_bytes"));
    intake = make_intake(*segment_, order.value("handles", Json::array()), plan.bucket_bytes,
                         options_.keeps_on_gpu ? &options_.part : nullptr);
    shadow.emplace(plan, options_.part, options_.parts, *intake, std::move(spare_));
    spans_ = SpanRecorder(order.value("traced", false) ? plan.buckets.size() : 0);
  } catch (const Error& error) {
    refusal = error.what();
  }
  if (!shadow) {
    channel_.send({{"error", refusal}}, options_.limit);
    why_ = expect("no verdict").value("reason", refusal);
    channel_.send({{"kept", current_.version()}}, options_.limit);
    return false;
  }
  channel_.send({{"ready", true}}, options_.limit);
  if (reload(plan, first, *shadow, *intake)) tell_outcome(plan, *shadow);
  return conclude(plan, *shadow);
}

void Receiver::tell_outcome(const Plan& plan, const Shadow& shadow) {
  Json outcome = {{"version", plan.layout.version}};
  if (!shadow.why().empty()) outcome["error"] = shadow.why();
  Json spans = Json::array();
  for (const Span& span : spans_.spans()) spans.push_back({span.begin_ns, span.end_ns});
  outcome["spans"] = std::move(spans);
  channel_.send(outcome, options_.limit);
}

// Goes from one bucket that it wants to the next. One with the wrong checksum is told at the end:
// the others are not held up. False when the engine has given the update up.
bool Receiver::reload(const Plan& plan, uint64_t first, Shadow& shadow, Intake& intake) {
  const auto next_wanted = [&](size_t from) {
    while (from < plan.buckets.size() && !shadow.wants(plan, plan.buckets[from])) ++from;
    return from;
  };
  size_t i = next_wanted(0);
  while (true) {
    if (!segment_->take(seat_, first + i)) throw left_alone("it was too slow");
    if (i == plan.buckets.size()) return true;
    if (!wait_published(first + i)) return false;
    const Bucket& bucket = plan.buckets[i];
    const int64_t begin = trace_now_ns();
    if (shadow.why().empty()) shadow.take(plan, bucket, intake, first + i);
    spans_.add("reload weights", begin);
    i = next_wanted(i + 1);
  }
}

// An engine that gives an update up says so on the channel, and publishes no more.
bool Receiver::wait_published(uint64_t seq) {
  const Deadline deadline(options_.limit);
  while (!segment_->wait_published(seat_, seq, look_around)) {
    if (is_waiting(channel_)) return false;
    const bool dropped = segment_->seat(seat_).state != SeatState::taking;
    if (dropped || deadline.expired() || has_gone(channel_)) throw left_alone("no bucket came");
  }
  return true;
}

bool Receiver::conclude(const Plan& plan, Shadow& shadow) {
  const Json verdict = expect("no verdict");
  const bool commit = verdict.value("verdict", "") == "commit";
  if (!commit) {
    why_ = verdict.value("reason", "the update was given up");
    spare_ = shadow.finish({}).memory;
    channel_.send({{"kept", current_.version()}}, options_.limit);
    return false;
  }
  const int64_t begin = trace_now_ns();
  Weights fresh = shadow.finish(plan.layout);
  std::swap(current_, fresh);
  const int64_t swapped = trace_now_ns();
  spare_ = std::move(fresh.memory);
  channel_.send({{"swapped", current_.version()}, {"swap_ns", swapped - begin}}, options_.limit);
  return true;
}

}  // namespace podium::ckpt::engine
