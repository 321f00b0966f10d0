#include "comm/allreduce/exchange.hpp"

#include <algorithm>
#include <cstring>

#include "comm/allreduce/kernels.hpp"
#include "comm/tags.hpp"

namespace podium::comm {
namespace {

size_t segments_of(const Elements& values) {
  return (values.bytes().size() + segment_bytes - 1) / segment_bytes;
}

// Both ends cut a vector in the same way, as they know its length.
Elements segment(const Elements& values, size_t index) {
  return values.part(index, segments_of(values));
}

bool is_brief(const Elements& values, const Wire& wire) {
  return wire.bytes_of(values) <= brief_bytes;
}

void make_room(std::span<AlignedBytes> memories, size_t bytes) {
  for (AlignedBytes& memory : memories) grow(memory, bytes);
}

}  // namespace

void Introduction::start(Watch& watch, int to, int from) {
  to_ = to;
  from_ = from;
  mine_ = watch.signature();
  Communicator& group = watch.group();
  if (from >= 0) {
    received_ =
        group.irecv(std::as_writable_bytes(std::span(&theirs_, 1)), from, tags::sum_signature);
  }
  if (to >= 0) sent_ = group.isend(std::as_bytes(std::span(&mine_, 1)), to, tags::sum_signature);
}

void Introduction::finish(Watch& watch, const char* step) {
  if (from_ >= 0) {
    watch.wait(received_, from_, step);
    require_equal(mine_, theirs_, watch.group().rank(), from_, watch.group().name());
  }
  if (to_ >= 0) watch.wait(sent_, to_, step);
}

void grow(AlignedBytes& memory, size_t bytes) {
  if (memory.size() < bytes) memory.resize(bytes);
}

// Sends the signature, and `swap.outgoing` if that is brief.
void Exchange::greet(Watch& watch, const Swap& swap) {
  Communicator& group = watch.group();
  heard_ = group.irecv_up_to(theirs_.bytes, swap.peer, tags::sum_signature);
  std::memcpy(mine_.bytes.data(), &watch.signature(), sizeof(Signature));
  size_t bytes = sizeof(Signature);
  if (is_brief(swap.outgoing, swap.wire)) {
    bytes += swap.wire.bytes_of(swap.outgoing);
    if (swap.wire.packs()) {
      swap.wire.round(mine_.values(), swap.outgoing, swap.share);
    } else if (swap.outgoing.count > 0) {
      std::memcpy(mine_.values(), swap.outgoing.data, swap.outgoing.bytes().size());
    }
  }
  greeted_ = group.isend(std::span(mine_.bytes).first(bytes), swap.peer, tags::sum_signature);
}

// Throws internal_error when the peer sums something else; so its values are as many as expected.
void Exchange::hear_greeting(Watch& watch, const Swap& swap) {
  watch.wait(heard_, swap.peer, "meeting");
  Signature theirs;
  std::memcpy(&theirs, theirs_.bytes.data(), sizeof theirs);
  require_equal(watch.signature(), theirs, watch.group().rank(), swap.peer, watch.group().name());
  if (is_brief(swap.incoming, swap.wire)) add_landed(swap, swap.incoming, theirs_.values());
}

std::span<const std::byte> Exchange::outgoing_bytes(const Swap& swap, const Elements& part,
                                                    size_t slot) {
  if (!swap.wire.packs()) return part.bytes();
  swap.wire.round(packed_[slot].data(), part, swap.share);
  return std::span(packed_[slot]).first(swap.wire.bytes_of(part));
}

void Exchange::add_landed(const Swap& swap, const Elements& part, const std::byte* landed) {
  swap.wire.packs() ? swap.wire.add(part, landed) : add(part, landed);
}

void Exchange::swap_add(Watch& watch, const Swap& swap) {
  const auto& [peer, outgoing, incoming, wire, step, share] = swap;
  Communicator& group = watch.group();
  const size_t to_send = is_brief(outgoing, wire) ? 0 : segments_of(outgoing);
  const size_t to_add = is_brief(incoming, wire) ? 0 : segments_of(incoming);
  if (to_add > 0) make_room(landing_, segment_bytes);
  if (to_send > 0 && wire.packs()) make_room(packed_, segment_bytes / 2);
  std::array<Request, window> sent;
  std::array<Request, window> received;
  const auto receive = [&](size_t i) {
    const size_t bytes = wire.bytes_of(segment(incoming, i));
    const size_t slot = i % window;
    received[slot] = group.irecv(std::span(landing_[slot]).first(bytes), peer, tags::sum_values);
  };
  const auto send = [&](size_t i) {
    const size_t slot = i % window;
    sent[slot] =
        group.isend(outgoing_bytes(swap, segment(outgoing, i), slot), peer, tags::sum_values);
  };
  greet(watch, swap);
  for (size_t i = 0; i < std::min(window, to_add); ++i) receive(i);
  for (size_t i = 0; i < std::min(window, to_send); ++i) send(i);
  hear_greeting(watch, swap);
  for (size_t i = 0; i < std::max(to_send, to_add); ++i) {
    if (i < to_add) watch.wait(received[i % window], peer, step);
    if (i < to_send) watch.wait(sent[i % window], peer, step);
    if (i + window < to_send) send(i + window);
    if (i < to_add) add_landed(swap, segment(incoming, i), landing_[i % window].data());
    if (i + window < to_add) receive(i + window);
  }
  watch.wait(greeted_, peer, step);
}

void Exchange::swap(Watch& watch, const Swap& swap) {
  const auto& [peer, outgoing, incoming, wire, step, share] = swap;
  Communicator& group = watch.group();
  const auto place = [&](AlignedBytes& memory, const Elements& values) {
    if (!wire.packs()) return values.bytes();
    grow(memory, wire.bytes_of(values));
    return std::span<std::byte>(memory).first(wire.bytes_of(values));
  };
  const std::span<std::byte> in = place(landing_[0], incoming);
  const std::span<std::byte> out = place(packed_[0], outgoing);
  Request received;
  Request sent;
  if (!in.empty()) received = group.irecv(in, peer, tags::sum_values);
  if (wire.packs()) wire.pack(out.data(), outgoing);
  if (!out.empty()) sent = group.isend(out, peer, tags::sum_values);
  watch.wait(received, peer, step);
  if (wire.packs()) wire.unpack(incoming, in.data());
  watch.wait(sent, peer, step);
}

}  // namespace podium::comm
