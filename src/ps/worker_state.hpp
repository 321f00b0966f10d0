// What a worker knows. worker_machine.cpp asks, and makes messages of what is asked; answered.cpp
// hears the answers, and sends again what got none.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "ps/flights.hpp"
#include "ps/worker_machine.hpp"

namespace podium::ps {

struct WorkerMachine::State {
  State(uint32_t worker, KeyMap keys, const GroupOptions& group)
      : number(worker), map(std::move(keys)), options(group) {}

  uint32_t number;
  KeyMap map;
  GroupOptions options;
  uint32_t clock = 0;
  size_t unwelcomed = 0;  // homes
  bool wants_roster = false;
  Roster roster;
  std::vector<Way> ways;  // to the homes that hold something
  WorkerReport report;

  // Of tickets from `first_open` on: how many messages are not answered yet.
  Ticket first_open = 1;
  std::deque<uint32_t> open;

  Ticket new_ticket();
  Flight& add(Way& way, Kind kind, Ticket ticket);
  void fill_push(Way& way, Flight& flight, std::span<const Slice> parts, const PushOptions& push);
  void fill_encoded(Way& way, Flight& flight, std::span<const Slice> parts);
  // False where the filter keeps too little back.
  void fill_significant(Way& way, Flight& flight, const Slice& part);
  void fill_rows(Flight& flight, const Rows& rows);
  void check_range(size_t first, size_t count, const char* operation) const;
  // The ways' parts of rows: from the nth key on.
  Rows part_of(const Way& way, const Rows& rows) const;

  Way* way_of(uint32_t home);
  void answered(Way& way, const Flight& flight);
  void take_values(const Flight& flight, const Incoming& message);
  void welcomed(Way& way, uint32_t at);
  void assign(Way& way);
};

}  // namespace podium::ps
