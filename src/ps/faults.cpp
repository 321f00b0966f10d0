#include "ps/faults.hpp"

#include <algorithm>
#include <cstring>

namespace podium::ps {
namespace {

std::vector<std::byte> copy_of(const Incoming& message) {
  Outgoing copy;
  copy.header = message.header;
  copy.segments.assign(message.segments.begin(), message.segments.end());
  copy.payload = {message.payload};
  return encode(copy);
}

}  // namespace

Fate FaultPlan::next() {
  Random random(options_.seed, way_, messages_++);
  Fate fate;
  if (random.uniform() < options_.drop) fate.copies = 0;
  if (random.uniform() < options_.duplicate) ++fate.copies;
  if (random.uniform() < options_.delay) {
    fate.delay = 1 + static_cast<uint32_t>(random.below(std::max(1U, options_.longest_delay)));
  }
  return fate;
}

bool FaultyWay::passes(const Incoming& message) {
  const Fate fate = plan_.next();
  ++messages_;
  const bool now = fate.copies > 0 && fate.delay == 0;
  for (int copy = now ? 1 : 0; copy < fate.copies; ++copy) {
    kept_.push_back({messages_ + fate.delay, copy_of(message)});
  }
  return now;
}

std::optional<std::vector<std::byte>> FaultyWay::due(bool all) {
  const auto found = std::find_if(kept_.begin(), kept_.end(),
                                  [&](const Kept& kept) { return all || kept.due <= messages_; });
  if (found == kept_.end()) return std::nullopt;
  std::vector<std::byte> bytes = std::move(found->bytes);
  kept_.erase(found);
  return bytes;
}

std::optional<Incoming> FaultyLink::receive(std::chrono::milliseconds patience) {
  if (auto late = way_.due(false)) {
    late_ = std::move(*late);
    return decode(late_);
  }
  const auto message = link_->receive(patience);
  if (message && way_.passes(*message)) return message;
  if (message || patience.count() == 0) return std::nullopt;
  auto late = way_.due(true);  // nothing else comes
  if (!late) return std::nullopt;
  late_ = std::move(*late);
  return decode(late_);
}

void FaultyStation::deliver_late(Peer peer, bool all, const Events& events) {
  const auto way = ways_.find(peer);
  if (way == ways_.end()) return;
  while (const auto late = way->second.due(all)) events.received(peer, decode(*late));
}

void FaultyStation::receive(Peer peer, const Incoming& message, const Events& events) {
  if (++received_ == options_.kill_after && options_.kill) options_.kill();
  const auto way = ways_.try_emplace(peer, options_, peer).first;
  if (way->second.passes(message)) events.received(peer, message);
  deliver_late(peer, false, events);
}

void FaultyStation::run(std::chrono::milliseconds patience, const Events& events) {
  const uint64_t before = received_;
  Events faulty;
  faulty.received = [&](Peer peer, const Incoming& message) { receive(peer, message, events); };
  faulty.lost = [&](Peer peer) {
    ways_.erase(peer);
    events.lost(peer);
  };
  station_->run(patience, faulty);
  if (received_ != before) return;
  std::vector<Peer> peers;
  for (const auto& [peer, way] : ways_) peers.push_back(peer);
  for (const Peer peer : peers) deliver_late(peer, true, events);
}

}  // namespace podium::ps
