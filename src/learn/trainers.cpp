#include "learn/trainers.hpp"

#include <cstring>
#include <nlohmann/json.hpp>

#include "core/error.hpp"

namespace podium::learn {
namespace {

using Json = nlohmann::ordered_json;
using namespace std::chrono_literals;

constexpr auto between_looks = 100ms;  // at whether to stop
constexpr int tag = 210;
// For a wait that lasts as long as explorers have work: sleeps.
constexpr comm::WaitPolicy patient{std::chrono::hours(24 * 365), Backoff::Kind::idle};

// share := size:u64 head:u8[size] bytes; nothing at all when there is no more.
std::vector<std::byte> pack(std::span<const Experience> experiences) {
  const PackedExperiences packed = pack_experiences(experiences);
  const std::string head = packed.head.dump();
  const uint64_t size = head.size();
  std::vector<std::byte> share(sizeof size + size + packed.bytes.size());
  std::memcpy(share.data(), &size, sizeof size);
  std::memcpy(share.data() + sizeof size, head.data(), size);
  std::memcpy(share.data() + sizeof size + size, packed.bytes.data(), packed.bytes.size());
  return share;
}

std::vector<Experience> unpack(std::span<const std::byte> share, const ExperienceLimits& limits) {
  uint64_t size = 0;
  require(share.size() >= sizeof size, "a share of a batch is whole", "trainers");
  std::memcpy(&size, share.data(), sizeof size);
  require(size <= share.size() - sizeof size, "a share of a batch is whole", "trainers");
  const auto* text = reinterpret_cast<const char*>(share.data() + sizeof size);
  return unpack_experiences(Json::parse(text, text + size), share.subspan(sizeof size + size),
                            limits);
}

void end_followers(comm::Communicator& group) {
  for (int rank = 1; rank < group.size(); ++rank) comm::send(group, {}, rank, tag);
}

// Deals a batch out in equal parts, in its order; returns the first one's.
std::span<const Experience> deal(std::span<const Experience> batch, comm::Communicator& group) {
  const size_t part = batch.size() / static_cast<size_t>(group.size());
  for (int rank = 1; rank < group.size(); ++rank) {
    const auto share = pack(batch.subspan(part * static_cast<size_t>(rank), part));
    comm::send(group, share, rank, tag);
  }
  return batch.first(part);
}

}  // namespace

Ended lead(Hub& hub, Learner& learner, comm::Communicator& group, const LeadHooks& hooks,
           Accounting& accounting) {
  Ended ended = Ended::all_done;
  while (true) {
    if (hooks.should_stop() || hub.stop_wanted()) {
      ended = Ended::stopped;
      break;
    }
    accounting.turn_to(Spent::wait_for_experiences);
    const std::optional<Task> task = hub.next(between_looks);
    if (!task) {
      if (!hooks.on_wait || !hooks.on_wait()) continue;
      ended = Ended::enough;
      break;
    }
    if (task->what == Task::What::end) break;
    if (task->what == Task::What::publish) {
      accounting.turn_to(Spent::transfer);
      const Timed span(accounting.lane(), hooks.sync_span);
      if (hooks.on_publish) hooks.on_publish();
      hub.publish(task->version, learner.policy().parameters());
      continue;
    }
    accounting.turn_to(Spent::transfer);
    const std::span<const Experience> mine = deal(task->experiences, group);
    accounting.turn_to(Spent::train);
    const std::span<const Update> updates = learner.learn(mine);
    accounting.turn_to(Spent::other);
    hub.trained(task->batch);
    if (hooks.on_batch(task->batch, updates)) {
      ended = Ended::enough;
      break;
    }
    hooks.between();
  }
  accounting.turn_to(Spent::other);
  end_followers(group);
  return ended;
}

void follow(Learner& learner, comm::Communicator& group, const ExperienceLimits& limits,
            Accounting& accounting) {
  while (true) {
    accounting.turn_to(Spent::wait_for_experiences);
    const comm::Message share = comm::receive_any(group, 0, tag, patient);
    if (share.bytes.empty()) break;
    accounting.turn_to(Spent::transfer);
    const std::vector<Experience> mine = unpack(share.bytes, limits);
    accounting.turn_to(Spent::train);
    learner.learn(mine);
  }
  accounting.turn_to(Spent::other);
}

}  // namespace podium::learn
