#include "ckpt/engine/receiver.hpp"

#include <poll.h>

#include <algorithm>
#include <utility>

#include "core/error.hpp"
#include "core/span_names.hpp"

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

Json Receiver::expect(const char* what, FileDescriptor* passed) {
  std::optional<Json> message = channel_.receive(options_.limit, passed);
  if (!message) throw left_alone(what);
  return std::move(*message);
}

Weights Receiver::release() {
  plan_of_current_.reset();
  return std::move(current_);
}

bool Receiver::take(Milliseconds limit) {
  why_.clear();
  pollfd entry{channel_.descriptor(), POLLIN, 0};
  if (::poll(&entry, 1, static_cast<int>(limit.count())) == 0) return false;
  const Json order = expect("no update began");
  ++updates_;
  SharedShards shards;
  std::string refusal = map_shards(order, shards);
  Task task;
  try {
    if (refusal.empty()) task = prepare(order, std::move(shards));
  } catch (const Error& error) {
    refusal = error.what();
  }
  if (!refusal.empty()) return refuse(refusal);
  // What the engine may build on, sending changes only.
  const Json handles = order.value("handles", Json::array());
  const bool by_gpu = !handles.empty() && !handles.front().empty();
  const bool has_base = plan_of_current_ != nullptr && !(by_gpu && options_.keeps_on_gpu);
  if (has_base) task.shadow->base_on(current_, *plan_of_current_);
  channel_.send({{"ready", true}, {"holds", has_base ? identity(*plan_of_current_) : 0}},
                options_.limit);
  if (reload(task)) tell_outcome(task);
  return conclude(task);
}

Receiver::Task Receiver::prepare(const Json& order, SharedShards shards) {
  Task task;
  const auto plan =
      std::make_shared<Plan>(make_plan(all_metas(order.at("metas")), order.at("bucket_bytes")));
  for (size_t rank = 0; rank < shards.size(); ++rank) {
    const auto& bytes = plan->layout.shard_bytes;
    if (shards[rank].empty() || (rank < bytes.size() && shards[rank].size() >= bytes[rank]))
      continue;
    throw data_error("the shard of rank " + std::to_string(rank) + " is shorter than its metas say",
                     "checkpoint engine", "run the same version of Podium everywhere");
  }
  task.plan = plan;
  task.first = order.at("first");
  Spare spare = std::exchange(spare_, {});
  if (order.value("whole", false)) spare.plan.reset();
  task.intake = make_intake(*segment_, order.value("handles", Json::array()), plan->bucket_bytes,
                            options_.keeps_on_gpu ? &options_.part : nullptr, std::move(shards));
  task.shadow = std::make_unique<Shadow>(*plan, options_.part, options_.parts, *task.intake,
                                         std::move(spare));
  spans_ = SpanRecorder(order.value("traced", false) ? plan->buckets.size() : 0);
  return task;
}

// Every one that was announced is taken from the channel, also when one cannot be mapped: why.
std::string Receiver::map_shards(const Json& order, SharedShards& shards) {
  std::string failure;
  for (uint64_t i = 0; i < order.value("shards", uint64_t{0}); ++i) {
    FileDescriptor memory;
    const Json told = expect("no shard came", &memory);
    try {
      map_shard(told, std::move(memory), shards);
    } catch (const Error& error) {
      failure = error.what();
    }
  }
  // The engine fills two in turn.
  std::erase_if(mapped_, [&](const auto& entry) { return entry.second.update + 1 < updates_; });
  return failure;
}

void Receiver::map_shard(const Json& told, FileDescriptor memory, SharedShards& shards) {
  const size_t rank = told.at("rank");
  Mapped& mapped = mapped_[told.at("memory").get<uint64_t>()];
  if (mapped.memory.size() == 0) {
    mapped.memory = Block::map(std::move(memory), told.at("bytes"), Block::Access::read);
  }
  mapped.update = updates_;
  if (shards.size() <= rank) shards.resize(rank + 1);
  shards[rank] = mapped.memory.span();
}

bool Receiver::refuse(const std::string& why) {
  channel_.send({{"error", why}}, options_.limit);
  why_ = expect("no verdict").value("reason", why);
  channel_.send({{"kept", current_.version()}}, options_.limit);
  return false;
}

void Receiver::tell_outcome(const Task& task) {
  Json outcome = {{"version", task.plan->layout.version},
                  {"taken_bytes", task.shadow->taken_bytes()}};
  if (!task.shadow->why().empty()) outcome["error"] = task.shadow->why();
  Json spans = Json::array();
  for (const Span& span : spans_.spans()) spans.push_back({span.begin_ns, span.end_ns});
  outcome["spans"] = std::move(spans);
  channel_.send(outcome, options_.limit);
}

// Goes from one bucket that it wants to the next. One with the wrong checksum is told at the end:
// the others are not held up. False when the engine has given the update up.
bool Receiver::reload(Task& task) {
  const std::vector<Bucket>& buckets = task.plan->buckets;
  const auto next_wanted = [&](size_t from) {
    while (from < buckets.size() && !task.shadow->wants(buckets[from])) ++from;
    return from;
  };
  size_t i = next_wanted(0);
  while (true) {
    if (!segment_->take(seat_, task.first + i)) throw left_alone("it was too slow");
    if (i == buckets.size()) return true;
    const uint64_t seq = task.first + i;
    if (!wait_published(seq)) return false;
    const int64_t begin = trace_now_ns();
    if (task.shadow->why().empty()) {
      task.shadow->take(buckets[i], *task.intake, seq, segment_->is_partial(seq));
    }
    spans_.add(spans::reload_weights, begin);
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

bool Receiver::conclude(Task& task) {
  const Json verdict = expect("no verdict");
  const bool commit = verdict.value("verdict", "") == "commit";
  if (!commit) {
    why_ = verdict.value("reason", "the update was given up");
    spare_ = task.shadow->give_up();
    channel_.send({{"kept", current_.version()}}, options_.limit);
    return false;
  }
  const int64_t begin = trace_now_ns();
  Weights fresh = task.shadow->finish();
  std::swap(current_, fresh);
  const int64_t swapped = trace_now_ns();
  spare_ = {std::move(fresh.memory), std::exchange(plan_of_current_, std::move(task.plan))};
  channel_.send({{"swapped", current_.version()}, {"swap_ns", swapped - begin}}, options_.limit);
  return true;
}

}  // namespace podium::ckpt::engine
