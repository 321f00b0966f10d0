#include "ps/worker_machine.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "core/hash.hpp"
#include "ps/pushed.hpp"
#include "ps/worker_state.hpp"

namespace podium::ps {
namespace {

std::span<const std::byte> bytes_of(std::span<const float> values) {
  return std::as_bytes(values);
}

// The part of values that begin at `first` of Θ.
template <typename Span>
Span part_of_span(Span values, size_t first, const Segment& part) {
  return values.subspan(part.first - first, part.count);
}

// Calls take(piece) for each part of `part` that fits into a message.
template <typename Take>
void for_each_message(const Segment& part, size_t most, Take&& take) {
  for (size_t done = 0; done < part.count;) {
    const size_t count = std::min(most, part.count - done);
    take(Segment{part.first + done, count});
    done += count;
  }
}

uint64_t hash_of(std::span<const uint32_t> keys) {
  return std::max<uint64_t>(1, xxh3(std::as_bytes(keys)));
}

}  // namespace

WorkerMachine::WorkerMachine(uint32_t number, KeyMap map, const GroupOptions& options,
                             uint64_t first_sequence, const Roster& roster)
    : state_(std::make_unique<State>(number, std::move(map), options)) {
  for (int home = 0; home < state_->map.servers(); ++home) {
    const Segment range = state_->map.range_of(home);
    if (range.count == 0) continue;
    Way& way = state_->ways.emplace_back(home, range, first_sequence);
    way.retry_ms = options.retry.count();
    way.server = home;
    if (options.filters.encoding != Encoding::fp32 || options.filters.significance > 0) {
      way.residual = std::make_unique<Residual>(range.first, range.count);
    }
  }
  see(roster);
  if (number == observer) return;  // it takes no part
  const Ticket ticket = state_->new_ticket();
  for (Way& way : state_->ways) state_->add(way, Kind::hello, ticket);
  state_->unwelcomed = state_->ways.size();
}

WorkerMachine::~WorkerMachine() = default;

uint32_t WorkerMachine::number() const {
  return state_->number;
}
uint64_t WorkerMachine::clock() const {
  return state_->clock;
}
const KeyMap& WorkerMachine::map() const {
  return state_->map;
}
bool WorkerMachine::joined() const {
  return state_->unwelcomed == 0;
}
const WorkerReport& WorkerMachine::report() const {
  return state_->report;
}
uint32_t WorkerMachine::view() const {
  return state_->roster.view;
}

WorkerMachine::Ticket WorkerMachine::State::new_ticket() {
  open.push_back(0);
  return first_open + open.size() - 1;
}

Flight& WorkerMachine::State::add(Way& way, Kind kind, Ticket ticket) {
  Flight& flight = way.add(kind, ticket);
  flight.message.header.worker = number;
  flight.message.header.clock = clock;
  ++open[ticket - first_open];
  return flight;
}

void WorkerMachine::State::check_range(size_t first, size_t count, const char* operation) const {
  if (first <= map.values() && count <= map.values() - first) return;
  throw usage_error(std::to_string(count) + " values from " + std::to_string(first) +
                        " on are beyond the " + std::to_string(map.values()) +
                        " that the servers hold",
                    operation, "name a range of the parameters");
}

// The message pushes these parts of the way's range, as the filters have it.
void WorkerMachine::State::fill_push(Way& way, Flight& flight, std::span<const Slice> parts,
                                     const PushOptions& push) {
  Header& header = flight.message.header;
  header.scale = push.scale;
  header.lr = push.lr;
  if (options.filters.significance > 0 && parts.size() == 1) {
    fill_significant(way, flight, parts.front());
    return;
  }
  for (const Slice& part : parts) {
    flight.message.segments.push_back({part.first, part.values.size()});
    flight.message.payload.push_back(bytes_of(part.values));
  }
  if (options.filters.encoding != Encoding::fp32) fill_encoded(way, flight, parts);
}

void WorkerMachine::State::fill_encoded(Way& way, Flight& flight, std::span<const Slice> parts) {
  const Encoding encoding = options.filters.encoding;
  size_t values = 0;
  for (const Slice& part : parts) values += part.values.size();
  flight.encoded.resize(values * bytes_per_value(encoding));
  std::byte* to = flight.encoded.data();
  for (const Slice& part : parts) {
    way.residual->encode(encoding, part.first, part.values, to);
    to += part.values.size() * bytes_per_value(encoding);
  }
  flight.message.header.encoding = encoding;
  flight.message.payload.assign(1, flight.encoded);
  report.bytes_saved_encoding += values * (sizeof(float) - bytes_per_value(encoding));
}

void WorkerMachine::State::fill_significant(Way& way, Flight& flight, const Slice& part) {
  const Encoding encoding = options.filters.encoding;
  Header& header = flight.message.header;
  const bool some = way.residual->choose(options.filters.significance, part.first, part.values,
                                         flight.places, flight.chosen);
  flight.message.payload.clear();
  if (some) {
    header.flags |= Flag::sparse;
    header.width = 1;
    flight.keys = flight.places;
    flight.message.payload.emplace_back();  // of the keys
  }
  const size_t count = flight.chosen.size();
  flight.message.segments = {{part.first, count}};
  std::span<const std::byte> values = bytes_of(flight.chosen);
  if (encoding != Encoding::fp32) {
    flight.encoded.resize(count * bytes_per_value(encoding));
    way.residual->encode_chosen(encoding, part.first, flight.places, flight.chosen,
                                flight.encoded.data());
    header.encoding = encoding;
    values = flight.encoded;
    report.bytes_saved_encoding += count * (sizeof(float) - bytes_per_value(encoding));
  }
  flight.message.payload.push_back(values);
  const size_t dense = part.values.size() * sizeof(float);
  const size_t sent = count * sizeof(float) + flight.places.size() * sizeof(uint32_t);
  if (some) report.bytes_saved_significance += dense - sent;
}

WorkerMachine::Ticket WorkerMachine::push(std::span<const Slice> slices,
                                          const PushOptions& options) {
  for (const Slice& slice : slices) {
    state_->check_range(slice.first, slice.values.size(), "push");
  }
  const Ticket ticket = state_->new_ticket();
  const size_t most = state_->options.message_values;
  std::vector<Slice> parts;
  for (Way& way : state_->ways) {
    size_t held = 0;
    const auto flush = [&] {
      if (held > 0) state_->fill_push(way, state_->add(way, Kind::push, ticket), parts, options);
      parts.clear();
      held = 0;
    };
    for (const Slice& slice : slices) {
      const Segment part = state_->map.part_of(way.home(), slice.first, slice.values.size());
      for_each_message(part, most, [&](const Segment& piece) {
        if (held + piece.count > most) flush();
        parts.push_back({piece.first, part_of_span(slice.values, slice.first, piece)});
        held += piece.count;
      });
    }
    flush();
  }
  return ticket;
}

WorkerMachine::Ticket WorkerMachine::pull(std::span<const Room> rooms, size_t layer) {
  for (const Room& room : rooms) state_->check_range(room.first, room.values.size(), "pull");
  const Ticket ticket = state_->new_ticket();
  const size_t most = state_->options.message_values;
  for (Way& way : state_->ways) {
    Flight* flight = nullptr;
    size_t held = 0;
    for (const Room& room : rooms) {
      const Segment part = state_->map.part_of(way.home(), room.first, room.values.size());
      for_each_message(part, most, [&](const Segment& piece) {
        if (flight == nullptr || held + piece.count > most) {
          flight = &state_->add(way, Kind::pull, ticket);
          flight->message.header.width = static_cast<uint32_t>(layer);
          held = 0;
        }
        flight->message.segments.push_back(piece);
        flight->rooms.push_back(part_of_span(room.values, room.first, piece));
        held += piece.count;
      });
    }
  }
  return ticket;
}

namespace {

// Whether the push of a push_pull is one message with its pull: their segments are the same.
bool in_one(const FilterOptions& filters) {
  return filters.significance <= 0;
}

}  // namespace

WorkerMachine::Ticket WorkerMachine::push_pull(const Slice& slice, const Room& room,
                                               const PushOptions& options) {
  State& state = *state_;
  state.check_range(slice.first, slice.values.size(), "push_pull");
  if (room.first != slice.first || room.values.size() != slice.values.size()) {
    throw usage_error("a push_pull of two different ranges", "push_pull",
                      "push and pull them one after the other");
  }
  const Ticket ticket = state.new_ticket();
  for (Way& way : state.ways) {
    const Segment part = state.map.part_of(way.home(), slice.first, slice.values.size());
    for_each_message(part, state.options.message_values, [&](const Segment& piece) {
      const Slice mine{piece.first, part_of_span(slice.values, slice.first, piece)};
      const bool one = in_one(state.options.filters);
      Flight* flight = &state.add(way, one ? Kind::push_pull : Kind::push, ticket);
      state.fill_push(way, *flight, std::span(&mine, 1), options);
      if (!one) {
        flight = &state.add(way, Kind::pull, ticket);
        flight->message.segments = {piece};
      }
      flight->rooms.push_back(part_of_span(room.values, room.first, piece));
    });
  }
  return ticket;
}

WorkerMachine::Ticket WorkerMachine::step(std::span<const float> gradients, std::span<float> theta,
                                          const PushOptions& options) {
  State& state = *state_;
  if (gradients.size() != state.map.values() || theta.size() != state.map.values()) {
    throw usage_error("a step of other values than the servers hold", "step",
                      "give it all gradients and all parameters");
  }
  const Ticket ticket = state.new_ticket();
  const size_t most = state.options.message_values;
  for (Way& way : state.ways) {
    const Segment& range = way.range();
    const auto push = [&](const Segment& piece, Kind kind) -> Flight& {
      const Slice mine{piece.first, gradients.subspan(piece.first, piece.count)};
      Flight& flight = state.add(way, kind, ticket);
      state.fill_push(way, flight, std::span(&mine, 1), options);
      return flight;
    };
    if (in_one(state.options.filters) && range.count <= most) {
      Flight& flight = push(range, Kind::push_pull);
      flight.message.header.flags |= Flag::ticks;
      flight.rooms.push_back(theta.subspan(range.first, range.count));
      continue;
    }
    for_each_message(range, most, [&](const Segment& piece) { push(piece, Kind::push); });
    state.add(way, Kind::tick, ticket).message.header.clock = state.clock + 1;
    for_each_message(range, most, [&](const Segment& piece) {
      Flight& flight = state.add(way, Kind::pull, ticket);
      flight.message.header.clock = state.clock + 1;
      flight.message.segments = {piece};
      flight.rooms.push_back(theta.subspan(piece.first, piece.count));
    });
  }
  ++state.clock;
  return ticket;
}

// The keys ascend, so those of one home are neighbours.
Rows WorkerMachine::State::part_of(const Way& way, const Rows& rows) const {
  const auto begins_before = [&](uint32_t key, uint64_t value) {
    return rows.first + uint64_t{key} * rows.width < value;
  };
  const Segment& range = way.range();
  const auto begin =
      std::lower_bound(rows.keys.begin(), rows.keys.end(), range.first, begins_before);
  const auto end =
      std::lower_bound(begin, rows.keys.end(), range.first + range.count, begins_before);
  Rows part = rows;
  part.keys = {begin, end};
  if (!part.keys.empty()) {
    const uint64_t last = rows.first + (uint64_t{part.keys.back()} + 1) * rows.width;
    if (last > range.first + range.count) {
      throw usage_error("a row of " + std::to_string(rows.width) + " values lies on two servers",
                        "sparse keys", "tell the servers the width of the table's rows");
    }
  }
  return part;
}

void WorkerMachine::State::fill_rows(Flight& flight, const Rows& rows) {
  Header& header = flight.message.header;
  header.flags |= Flag::sparse;
  header.width = rows.width;
  header.keys_hash = options.filters.key_caching ? hash_of(rows.keys) : 0;
  flight.keys = rows.keys;
  flight.message.segments.push_back({rows.first, rows.keys.size()});
  flight.message.payload.emplace_back();  // of the keys
}

namespace {

void check_rows(const KeyMap& map, const Rows& rows, size_t values) {
  if (rows.width == 0 || values != rows.keys.size() * rows.width) {
    throw usage_error("rows of " + std::to_string(rows.width) + " values for " +
                          std::to_string(rows.keys.size()) + " keys are not " +
                          std::to_string(values) + " values",
                      "sparse keys", "give a row of values for each key");
  }
  if (rows.keys.empty()) return;
  const uint64_t end = rows.first + (uint64_t{rows.keys.back()} + 1) * rows.width;
  if (rows.first > map.values() || end > map.values()) {
    throw usage_error("key " + std::to_string(rows.keys.back()) + " is beyond the table",
                      "sparse keys", "name rows of the parameters");
  }
}

}  // namespace

WorkerMachine::Ticket WorkerMachine::push(const Rows& rows, std::span<const float> values,
                                          const PushOptions& options) {
  State& state = *state_;
  check_rows(state.map, rows, values.size());
  const Ticket ticket = state.new_ticket();
  for (Way& way : state.ways) {
    const Rows part = state.part_of(way, rows);
    if (part.keys.empty()) continue;
    const auto first = static_cast<size_t>(part.keys.data() - rows.keys.data());
    const auto mine = values.subspan(first * rows.width, part.keys.size() * rows.width);
    Flight& flight = state.add(way, Kind::push, ticket);
    flight.message.header.scale = options.scale;
    flight.message.header.lr = options.lr;
    state.fill_rows(flight, part);
    flight.message.payload.push_back(bytes_of(mine));
  }
  return ticket;
}

WorkerMachine::Ticket WorkerMachine::pull(const Rows& rows, std::span<float> values) {
  State& state = *state_;
  check_rows(state.map, rows, values.size());
  const Ticket ticket = state.new_ticket();
  for (Way& way : state.ways) {
    const Rows part = state.part_of(way, rows);
    if (part.keys.empty()) continue;
    const auto first = static_cast<size_t>(part.keys.data() - rows.keys.data());
    Flight& flight = state.add(way, Kind::pull, ticket);
    state.fill_rows(flight, part);
    flight.rooms.push_back(values.subspan(first * rows.width, part.keys.size() * rows.width));
  }
  return ticket;
}

WorkerMachine::Ticket WorkerMachine::tick() {
  const Ticket ticket = state_->new_ticket();
  ++state_->clock;
  for (Way& way : state_->ways) state_->add(way, Kind::tick, ticket);
  return ticket;
}

WorkerMachine::Ticket WorkerMachine::leave() {
  const Ticket ticket = state_->new_ticket();
  for (Way& way : state_->ways) state_->add(way, Kind::leave, ticket);
  return ticket;
}

}  // namespace podium::ps
