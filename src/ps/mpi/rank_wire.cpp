#include "ps/mpi/rank_wire.hpp"

#include <algorithm>
#include <cstring>

namespace podium::ps {
namespace {

constexpr size_t most_inline_bytes = size_t{32} << 10;
constexpr size_t piece_bytes = size_t{1} << 30;
constexpr int head_tag = 1;
constexpr int payload_tag = 2;

bool is_inline(const Header& header) {
  return header.bytes <= most_inline_bytes;
}

bool all_done(std::vector<comm::Request>& requests) {
  return std::ranges::all_of(requests, [](comm::Request& request) { return request.test(); });
}

void copy_payload(const Outgoing& message, std::byte* to) {
  for (const auto& part : message.payload) {
    if (!part.empty()) std::memcpy(to, part.data(), part.size());
    to += part.size();
  }
}

}  // namespace

void RankWire::send(const Outgoing& message, Keep keep) {
  idle();
  Sending& sending = sending_.emplace_back();
  const size_t head = head_bytes(message.header);
  const bool alone = is_inline(message.header);
  const bool direct = !alone && keep == Keep::views && message.payload.size() == 1;
  const size_t payload = message.header.bytes;
  sending.owned.resize(head + (direct ? 0 : payload));
  encode_head(message, sending.owned.data());
  if (!direct) copy_payload(message, sending.owned.data() + head);
  const std::span<const std::byte> owned(sending.owned);
  sending.requests.push_back(group_->isend(alone ? owned : owned.first(head), peer_, head_tag));
  if (alone) return;
  std::span<const std::byte> rest = direct ? message.payload.front() : owned.subspan(head);
  while (!rest.empty()) {
    const size_t piece = std::min(rest.size(), piece_bytes);
    sending.requests.push_back(group_->isend(rest.first(piece), peer_, payload_tag));
    rest = rest.subspan(piece);
  }
}

bool RankWire::idle() {
  while (!sending_.empty() && all_done(sending_.front().requests)) sending_.pop_front();
  return sending_.empty();
}

// Begins to receive the next head, if one is there.
bool RankWire::await_head() {
  const std::optional<comm::Envelope> envelope = group_->probe(peer_, head_tag);
  if (!envelope) return false;
  head_size_ = envelope->bytes;
  head_.resize(std::max(head_.size(), head_size_));
  awaited_.clear();
  awaited_.push_back(group_->irecv(std::span(head_).first(head_size_), peer_, head_tag));
  return true;
}

std::span<std::byte> RankWire::memory_for_payload() {
  const size_t bytes = message_.header.bytes;
  if (place_ && bytes > 0) {
    const std::span<std::byte> given = place_(message_.header);
    if (given.size() == bytes) return given;
  }
  if (is_inline(message_.header)) return {};
  if (memory_bytes_ < bytes) {
    memory_ = std::make_unique_for_overwrite<std::byte[]>(bytes);
    memory_bytes_ = bytes;
  }
  return {memory_.get(), bytes};
}

std::optional<Incoming> RankWire::receive() {
  if (awaited_.empty() && !await_head()) return {};
  if (!all_done(awaited_)) return {};
  if (!has_head_) {
    const auto bytes = std::span<const std::byte>(head_).first(head_size_);
    message_.header = decode_header(bytes.first<header_bytes>());
    const bool alone = is_inline(message_.header);
    if (alone) {
      message_ = decode(bytes);
    } else {
      message_.segments = {reinterpret_cast<const Segment*>(head_.data() + header_bytes),
                           message_.header.segments};
    }
    std::span<std::byte> into = memory_for_payload();
    if (alone && !into.empty()) {
      std::memcpy(into.data(), message_.payload.data(), into.size());
      message_.payload = into;
    }
    awaited_.clear();
    if (alone) return message_;
    message_.payload = into;
    has_head_ = true;
    for (; !into.empty(); into = into.subspan(std::min(into.size(), piece_bytes))) {
      const auto piece = into.first(std::min(into.size(), piece_bytes));
      awaited_.push_back(group_->irecv(piece, peer_, payload_tag));
    }
    if (!all_done(awaited_)) return {};
  }
  has_head_ = false;
  awaited_.clear();
  return message_;
}

}  // namespace podium::ps
