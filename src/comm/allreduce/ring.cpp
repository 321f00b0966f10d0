#include "comm/allreduce/ring.hpp"

#include <algorithm>
#include <numeric>

#include "comm/allreduce/kernels.hpp"
#include "comm/tags.hpp"
#include "core/error.hpp"

namespace podium::comm {
namespace {

std::vector<int> all_of(const Communicator& group) {
  std::vector<int> members(static_cast<size_t>(group.size()));
  std::iota(members.begin(), members.end(), 0);
  return members;
}

}  // namespace

// One sum under way. Segments are numbered along the stream: `segments` per step, the first half of
// the steps adds, the second half copies. Segment i can be sent once segment i - segments is done.
struct Ring::Stream {
  const Elements& values;
  const Wire& wire;
  Watch& watch;
  int ranks;
  int place;
  size_t segments;
  size_t half;  // segments that are added
  size_t end;   // segments in all
  int left;     // ranks of the group
  int right;
  size_t posted = 0;  // receives
  size_t done = 0;    // received, and added or in place
  size_t sent = 0;    // started
  size_t gone = 0;    // completed, in order

  int step_of(size_t i) const { return static_cast<int>(i / segments); }
  int chunk_sent(size_t i) const { return place - step_of(i); }
  int chunk_received(size_t i) const { return place - step_of(i) - 1; }
};

Ring::Ring(std::vector<int> members, int rank) : members_(std::move(members)) {
  const auto found = std::ranges::find(members_, rank);
  require(found != members_.end(), "this rank is not in the ring", "Ring");
  place_ = static_cast<int>(found - members_.begin());
}

// Segment `segment` of chunk `chunk`, counted around the ring. All chunks have as many segments.
Elements Ring::piece(const Elements& values, int chunk, size_t segment) const {
  const int ranks = static_cast<int>(members_.size());
  const size_t wrapped = static_cast<size_t>(((chunk % ranks) + ranks) % ranks);
  const size_t largest = (values.count + members_.size() - 1) / members_.size();
  const size_t segments =
      std::max<size_t>(1, (largest * bytes_of(values.type) + segment_bytes - 1) / segment_bytes);
  return values.part(wrapped, members_.size()).part(segment, segments);
}

// Segment i as it is sent. A finished sum is rounded where it comes from, and only passed on then.
std::span<const std::byte> Ring::outgoing(const Stream& s, size_t i) {
  const Elements out = piece(s.values, s.chunk_sent(i), i % s.segments);
  if (!s.wire.packs()) return out.bytes();
  std::byte* packed = packed_[i % under_way].data();
  if (i < s.half + s.segments) {
    s.wire.round(packed, out);
  } else {
    s.wire.pack(packed, out);
  }
  return {packed, s.wire.bytes_of(out)};
}

// Starts whatever can be started. A finished chunk is received where a partial sum of it was sent
// from, so not before that has gone. Empty pieces are no messages, at both ends.
void Ring::advance(Stream& s) {
  Communicator& group = s.watch.group();
  while (s.gone < s.sent && sent_[s.gone % under_way].test()) ++s.gone;
  while (s.sent < std::min(s.end, s.done + s.segments) && s.sent - s.gone < under_way) {
    const std::span<const std::byte> out = outgoing(s, s.sent);
    if (!out.empty()) {
      sent_[s.sent % under_way] = group.isend(out, s.right, tags::sum_values);
    }
    ++s.sent;
  }
  while (s.posted < std::min(s.end, s.done + ahead)) {
    const size_t i = s.posted;
    if (i >= s.half && s.gone <= i - s.half) break;
    const Elements in = piece(s.values, s.chunk_received(i), i % s.segments);
    const bool lands = i < s.half || s.wire.packs();
    const std::span<std::byte> to =
        lands ? std::span(landing_[i % ahead]).first(s.wire.bytes_of(in)) : in.bytes();
    if (in.count > 0) received_[i % ahead] = group.irecv(to, s.left, tags::sum_values);
    ++s.posted;
  }
}

// Waits for the next segment and adds it, if it is not in its place.
void Ring::finish_step(Stream& s) {
  const size_t i = s.done;
  s.watch.until(
      [&] {
        advance(s);
        return s.posted > i && received_[i % ahead].test();
      },
      s.left, i < s.half ? "reduce-scatter" : "all-gather");
  const Elements in = piece(s.values, s.chunk_received(i), i % s.segments);
  const std::byte* landed = landing_[i % ahead].data();
  if (i < s.half) {
    s.wire.packs() ? s.wire.add(in, landed) : add(in, landed);
  } else if (s.wire.packs()) {
    s.wire.unpack(in, landed);
  }
  ++s.done;
}

void Ring::sum(const Elements& values, const Wire& wire, Watch& watch) {
  const size_t ranks = members_.size();
  if (ranks == 1) return;
  if (wire.packs()) wire.take_up(values);
  const size_t largest = (values.count + ranks - 1) / ranks * bytes_of(values.type);
  const size_t segments = std::max<size_t>(1, (largest + segment_bytes - 1) / segment_bytes);
  const size_t place = static_cast<size_t>(place_);
  Stream stream{.values = values,
                .wire = wire,
                .watch = watch,
                .ranks = static_cast<int>(ranks),
                .place = place_,
                .segments = segments,
                .half = (ranks - 1) * segments,
                .end = 2 * (ranks - 1) * segments,
                .left = members_[(place + ranks - 1) % ranks],
                .right = members_[(place + 1) % ranks]};
  const size_t longest = std::min(largest, segment_bytes);
  for (AlignedBytes& landing : landing_) grow(landing, longest);
  for (AlignedBytes& packed : packed_) grow(packed, wire.packs() ? longest / 2 : 0);
  introduction_.start(watch, stream.right, stream.left);
  advance(stream);
  introduction_.finish(watch);
  while (stream.done < stream.end) finish_step(stream);
  watch.until(
      [&] {
        advance(stream);
        return stream.gone == stream.end;
      },
      stream.right, "all-gather, sending");
}

RingAllReduce::RingAllReduce(const Communicator& group) : ring_(all_of(group), group.rank()) {}

void RingAllReduce::run(const Sum& sum, Watch& watch) {
  scale(sum.out, sum.in, sum.weight);
  ring_.sum(sum.out, sum.wire, watch);
}

}  // namespace podium::comm
