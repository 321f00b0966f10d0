#include "ps/flights.hpp"

#include <algorithm>

#include "ps/key_cache.hpp"

namespace podium::ps {

Flight& Way::add(Kind kind, uint64_t ticket) {
  std::unique_ptr<Flight> flight;
  if (free_.empty()) {
    flight = std::make_unique<Flight>();
  } else {
    flight = std::move(free_.back());
    free_.pop_back();
  }
  if (kind != Kind::pull) ++sequence_;
  Header& header = flight->message.header;
  header = Header();
  header.kind = kind;
  header.home = static_cast<uint16_t>(home_);
  header.sequence = sequence_;
  header.ticket = ++next_ticket_;
  flight->message.segments.clear();
  flight->message.payload.clear();
  flight->keys = {};
  flight->rooms.clear();
  flight->ticket = ticket;
  flight->sent = false;
  flights_.push_back(std::move(flight));
  return *flights_.back();
}

Flight* Way::find(uint32_t message_ticket) {
  for (const auto& flight : flights_) {
    if (flight->message.header.ticket == message_ticket) return flight.get();
  }
  return nullptr;
}

void Way::remove(const Flight& flight) {
  for (size_t i = 0; i < flights_.size(); ++i) {
    if (flights_[i].get() != &flight) continue;
    free_.push_back(std::move(flights_[i]));
    flights_.erase(flights_.begin() + static_cast<std::ptrdiff_t>(i));
    if (i < unsent_) --unsent_;
    return;
  }
}

// Whether the server will know these keys when a message sent now arrives; from then on it does.
bool Way::knows(uint64_t hash) {
  if (std::find(known_keys_.begin(), known_keys_.end(), hash) != known_keys_.end()) return true;
  if (known_keys_.size() >= KeyCache::capacity / 2) known_keys_.clear();
  known_keys_.push_back(hash);
  return false;
}

Flight* Way::depart() {
  if (server < 0 || !open || unsent_ >= flights_.size()) return nullptr;
  Flight& flight = *flights_[unsent_++];
  again_ = false;
  Header& header = flight.message.header;
  if (header.has(Flag::sparse)) {
    const bool cached = header.keys_hash != 0 && knows(header.keys_hash);
    header.flags &= static_cast<uint16_t>(~Flag::keys_cached);
    if (cached) header.flags |= Flag::keys_cached;
    // The place of the keys is the first of the payload.
    flight.message.payload.front() =
        cached ? std::span<const std::byte>() : std::as_bytes(flight.keys);
  }
  seal(flight.message);
  return &flight;
}

void Way::send_again(bool anew) {
  again_ = !anew && unsent_ > 0;
  unsent_ = 0;
}

}  // namespace podium::ps
