// The sending half of a wire (wire.hpp).
#include <poll.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "core/error.hpp"
#include "core/sockets.hpp"
#include "ps/tcp/frame.hpp"
#include "ps/tcp/wire.hpp"

namespace podium::ps {
namespace {

constexpr size_t most_parts = 64;  // of one call of the system
constexpr std::chrono::milliseconds short_wait{1};
constexpr std::array<std::byte, 16> zeros{};

size_t total(const std::vector<std::span<const std::byte>>& parts) {
  size_t bytes = 0;
  for (const auto& part : parts) bytes += part.size();
  return bytes;
}

std::vector<std::byte> head_of(const Outgoing& message, uint64_t position) {
  const Frame frame{position, frame_magic, 0};
  std::vector<std::byte> head(sizeof frame + head_bytes(message.header));
  std::memcpy(head.data(), &frame, sizeof frame);
  encode_head(message, head.data() + sizeof frame);
  return head;
}

}  // namespace

// The descriptor goes with the first byte; a new connection takes so little at once.
void Wire::greet(std::unique_ptr<Window> window) {
  Outgoing greeting;
  greeting.header.kind = Kind::greet;
  greeting.header.bytes = options_.secret.size();
  greeting.header.clock = window ? static_cast<uint32_t>(window->ring_bytes()) : 0;
  std::vector<std::byte> bytes = head_of(greeting, inline_payload);
  const auto secret = std::as_bytes(std::span(options_.secret));
  bytes.insert(bytes.end(), secret.begin(), secret.end());
  bytes.resize(padded(bytes.size()));
  const iovec part{bytes.data(), bytes.size()};
  const ssize_t sent =
      send_some(socket_.get(), std::span(&part, 1), window ? window->descriptor() : -1);
  if (sent != static_cast<ssize_t>(bytes.size())) close("it takes no greeting");
  offered_ = std::move(window);
}

void Wire::send(const Outgoing& message, Keep keep) {
  if (!open()) return;
  require(total(message.payload) == message.header.bytes, "a message to send is sealed",
          "Wire::send");
  const std::optional<uint64_t> position = put_into_window(message);
  if (!open()) return;
  const std::vector<std::byte> head = head_of(message, position.value_or(inline_payload));
  Parts parts{head};
  if (!position) {
    parts.insert(parts.end(), message.payload.begin(), message.payload.end());
    const size_t rest = padded(message.header.bytes) - message.header.bytes;
    if (rest > 0) parts.push_back(std::span(zeros).first(rest));
  }
  send_parts(parts, keep);
}

std::optional<uint64_t> Wire::put_into_window(const Outgoing& message) {
  if (!window_ || message.header.bytes < options_.least_shared_bytes) return {};
  try {
    const std::optional<Window::Place> place = window_->take(message.header.bytes);
    if (!place) return {};
    std::byte* to = place->bytes.data();
    for (const auto& part : message.payload) {
      if (!part.empty()) std::memcpy(to, part.data(), part.size());
      to += part.size();
    }
    return place->position;
  } catch (const Error& error) {
    close(error.what());
    return {};
  }
}

// Whose memory may change afterwards is sent here as long as the peer takes it: copying costs more.
void Wire::send_parts(const Parts& parts, Keep keep) {
  flush();
  size_t gone = 0;
  const size_t all = total(parts);
  Parts left = parts;
  while (open() && !has_unsent() && gone < all) {
    const size_t written = write_some(left);
    gone += written;
    for (size_t skip = written; skip > 0 && !left.empty();) {
      const size_t part = std::min(skip, left.front().size());
      left.front() = left.front().subspan(part);
      skip -= part;
      if (left.front().empty()) left.erase(left.begin());
    }
    if (written > 0) continue;
    if (keep == Keep::views || !open() ||
        !wait_for(socket_.get(), POLLOUT, SteadyClock::now() + short_wait))
      break;
  }
  if (open() && gone < all) keep_rest(parts, gone, keep);
}

// Bytes that the socket took.
size_t Wire::write_some(const Parts& parts) {
  std::array<iovec, most_parts> pieces;
  size_t count = 0;
  for (const auto& part : parts) {
    if (count == most_parts) break;
    if (!part.empty()) pieces[count++] = {const_cast<std::byte*>(part.data()), part.size()};
  }
  const ssize_t sent = send_some(socket_.get(), std::span(pieces).first(count));
  if (sent < 0) {
    if (!failed_for_now()) close(std::strerror(errno));
    return 0;
  }
  went_ = SteadyClock::now();
  return static_cast<size_t>(sent);
}

// The first part, the head, and zeros behind the last are ours: they are always kept.
void Wire::keep_rest(const Parts& parts, size_t gone, Keep keep) {
  if (unsent_.empty()) went_ = SteadyClock::now();
  for (size_t i = 0; i < parts.size(); ++i) {
    const size_t skip = std::min(gone, parts[i].size());
    gone -= skip;
    const std::span<const std::byte> rest = parts[i].subspan(skip);
    if (rest.empty()) continue;
    Piece& piece = unsent_.emplace_back();
    const bool ours = i == 0 || rest.data() == zeros.data();
    if (keep == Keep::copies || ours) piece.owned.assign(rest.begin(), rest.end());
    piece.left = piece.owned.empty() ? rest : std::span<const std::byte>(piece.owned);
  }
}

void Wire::flush() {
  if (unsent_.empty() || wait_for(socket_.get(), POLLOUT, SteadyClock::now()) == 0) return;
  while (open() && !unsent_.empty()) {
    Parts parts;
    for (const Piece& piece : unsent_) {
      parts.push_back(piece.left);
      if (parts.size() == most_parts) break;
    }
    size_t written = write_some(parts);
    if (written == 0) return;
    while (written > 0) {
      Piece& piece = unsent_.front();
      const size_t part = std::min(written, piece.left.size());
      piece.left = piece.left.subspan(part);
      written -= part;
      if (piece.left.empty()) unsent_.pop_front();
    }
  }
}

}  // namespace podium::ps
