// Flights: what a worker has asked of one home and has not been answered yet, in the order in which
// it was asked; all that is needed to send it again.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "ps/filters.hpp"
#include "ps/message.hpp"

namespace podium::ps {

struct Flight {
  Outgoing message;  // without its keys, which go first where they go
  std::span<const uint32_t> keys;
  std::vector<std::span<float>> rooms;  // where the answer goes
  uint64_t ticket = 0;
  bool sent = false;

  std::vector<std::byte> encoded;  // what `message` and `keys` view, where filters made it
  std::vector<uint32_t> places;
  std::vector<float> chosen;
};

// A worker's way to one home.
class Way {
 public:
  Way(int home, const Segment& range, uint64_t sequence)
      : home_(home), range_(range), sequence_(sequence) {}

  int home() const { return home_; }
  const Segment& range() const { return range_; }

  // A new one at the end: its header has home, number and ticket of the message.
  Flight& add(Kind kind, uint64_t ticket);
  // By the ticket of its message; null: it was answered.
  Flight* find(uint32_t message_ticket);
  void remove(const Flight& flight);
  const std::deque<std::unique_ptr<Flight>>& flights() const { return flights_; }

  // The next that is to go, with its keys if the server may not know them; null: none.
  Flight* depart();
  // All of them go again. `anew`: by another link.
  void send_again(bool anew);
  bool again() const { return again_; }
  void forget_keys() { known_keys_.clear(); }

  int server = -1;       // that answers for the home; -1: none lives
  bool open = true;      // the way there
  uint32_t clock = 0;    // that the home has welcomed the worker at
  int64_t due_ms = 0;    // when what was sent is sent again
  int64_t retry_ms = 0;  // grows with each time
  std::unique_ptr<Residual> residual;

 private:
  bool knows(uint64_t hash);

  int home_;
  Segment range_;
  uint64_t sequence_;
  uint32_t next_ticket_ = 0;
  size_t unsent_ = 0;   // the flights from here on
  bool again_ = false;  // what goes next may be on its way already
  std::deque<std::unique_ptr<Flight>> flights_;
  std::vector<std::unique_ptr<Flight>> free_;
  std::vector<uint64_t> known_keys_;
};

}  // namespace podium::ps
