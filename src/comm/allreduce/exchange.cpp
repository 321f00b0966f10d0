#include "comm/allreduce/exchange.hpp"

#include <algorithm>

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

void Exchange::swap_add(Watch& watch, const Swap& swap) {
  const auto& [peer, outgoing, incoming, wire, step, share] = swap;
  Communicator& group = watch.group();
  introduction_.start(watch, peer, peer);
  const size_t to_send = segments_of(outgoing);
  const size_t to_add = segments_of(incoming);
  for (AlignedBytes& landing : landing_) grow(landing, to_add > 0 ? segment_bytes : 0);
  for (AlignedBytes& packed : packed_) grow(packed, wire.packs() ? segment_bytes / 2 : 0);
  std::array<Request, 2> sent;
  std::array<Request, 2> received;
  const auto receive = [&](size_t i) {
    const size_t bytes = wire.bytes_of(segment(incoming, i));
    received[i % 2] = group.irecv(std::span(landing_[i % 2]).first(bytes), peer, tags::sum_values);
  };
  const auto send = [&](size_t i) {
    const Elements out = segment(outgoing, i);
    if (wire.packs()) wire.round(packed_[i % 2].data(), out, share);
    sent[i % 2] = group.isend(
        wire.packs() ? std::span(packed_[i % 2]).first(wire.bytes_of(out)) : out.bytes(), peer,
        tags::sum_values);
  };
  for (size_t i = 0; i < std::min<size_t>(2, to_add); ++i) receive(i);
  for (size_t i = 0; i < std::min<size_t>(2, to_send); ++i) send(i);
  introduction_.finish(watch);
  for (size_t i = 0; i < std::max(to_send, to_add); ++i) {
    if (i < to_add) watch.wait(received[i % 2], peer, step);
    if (i < to_send) watch.wait(sent[i % 2], peer, step);
    if (i + 2 < to_send) send(i + 2);
    if (i < to_add) {
      const Elements in = segment(incoming, i);
      wire.packs() ? wire.add(in, landing_[i % 2].data()) : add(in, landing_[i % 2].data());
    }
    if (i + 2 < to_add) receive(i + 2);
  }
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
