#include "comm/allreduce/exchange.hpp"

#include <algorithm>
#include <cstring>

#include "comm/allreduce/kernels.hpp"
#include "comm/tags.hpp"

namespace podium::comm {
namespace {

size_t count_of(const Elements& values, const Segments& segments) {
  return (values.bytes().size() + segments.bytes - 1) / segments.bytes;
}

// Both ends cut a vector in the same way, as they know its length.
Elements segment(const Elements& values, const Segments& segments, size_t index) {
  return values.part(index, count_of(values, segments));
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

std::span<const std::byte> Exchange::leaving(const Swap& swap, const Elements& part, size_t slot,
                                             bool adds) {
  if (!swap.wire.packs()) return part.bytes();
  std::byte* packed = packed_[slot].data();
  adds ? swap.wire.round(packed, part, swap.share) : swap.wire.pack(packed, part);
  return {packed, swap.wire.bytes_of(part)};
}

void Exchange::add_landed(const Swap& swap, const Elements& part, const std::byte* landed) {
  swap.wire.packs() ? swap.wire.add(part, landed) : add(part, landed);
}

// Where values are added, the partners greet each other first; else they have done so before, and
// values that are not packed come to their place.
void Exchange::run(Watch& watch, const Swap& swap, bool adds) {
  const auto& [peer, outgoing, incoming, wire, step, share] = swap;
  Communicator& group = watch.group();
  const size_t window = segments_.window;
  const size_t to_send = adds && is_brief(outgoing, wire) ? 0 : count_of(outgoing, segments_);
  const size_t to_take = adds && is_brief(incoming, wire) ? 0 : count_of(incoming, segments_);
  const bool lands = adds || wire.packs();
  if (lands && to_take > 0) make_room(landing_, segments_.bytes);
  if (wire.packs() && to_send > 0) make_room(packed_, segments_.bytes / 2);
  const auto receive = [&, peer = peer, &incoming = incoming, &wire = wire](size_t i) {
    const Elements in = segment(incoming, segments_, i);
    const std::span<std::byte> to =
        lands ? std::span(landing_[i % window]).first(wire.bytes_of(in)) : in.bytes();
    received_[i % window] = group.irecv(to, peer, tags::sum_values);
  };
  const auto send = [&, peer = peer, &outgoing = outgoing](size_t i) {
    const auto out = leaving(swap, segment(outgoing, segments_, i), i % window, adds);
    sent_[i % window] = group.isend(out, peer, tags::sum_values);
  };
  if (adds) greet(watch, swap);
  for (size_t i = 0; i < std::min(window, to_take); ++i) receive(i);
  for (size_t i = 0; i < std::min(window, to_send); ++i) send(i);
  if (adds) hear_greeting(watch, swap);
  for (size_t i = 0; i < std::max(to_send, to_take); ++i) {
    if (i < to_take) watch.wait(received_[i % window], peer, step);
    if (i < to_send) watch.wait(sent_[i % window], peer, step);
    if (i + window < to_send) send(i + window);
    if (i < to_take && lands) {
      const Elements in = segment(incoming, segments_, i);
      const std::byte* landed = landing_[i % window].data();
      adds ? add_landed(swap, in, landed) : wire.unpack(in, landed);
    }
    if (i + window < to_take) receive(i + window);
  }
  watch.wait(greeted_, peer, step);
}

void Exchange::swap_add(Watch& watch, const Swap& swap) {
  run(watch, swap, true);
}

void Exchange::swap(Watch& watch, const Swap& swap) {
  run(watch, swap, false);
}

}  // namespace podium::comm
