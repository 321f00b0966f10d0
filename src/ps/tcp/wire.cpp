#include "ps/tcp/wire.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "core/error.hpp"
#include "core/sockets.hpp"
#include "ps/tcp/frame.hpp"
#include "ps/tcp/socket.hpp"

namespace podium::ps {
namespace {

constexpr size_t in_bytes = size_t{64} << 10;
constexpr size_t next_head_bytes = 512;  // what is read of the next message beside a large payload
constexpr size_t most_greeting_bytes = 4096;

}  // namespace

Wire::Wire(FileDescriptor socket, const WireOptions& options)
    : socket_(std::move(socket)),
      options_(options),
      came_(SteadyClock::now()),
      went_(came_),
      in_(std::make_unique_for_overwrite<std::byte[]>(in_bytes)) {
  tune(socket_, options.silence, options.stall);
}

void Wire::close(const std::string& why) {
  if (!open()) return;
  ::shutdown(socket_.get(), SHUT_RDWR);
  socket_.reset();
  why_ = why;
  unsent_.clear();
}

void Wire::check_progress() {
  const auto now = SteadyClock::now();
  const bool coming = has_header_ || available() > 0;
  if (awaits_greeting_ && now - came_ > options_.silence) close("it does not greet");
  if (coming && now - came_ > options_.stall) close("it stopped in the middle of a message");
  if (has_unsent() && now - went_ > options_.stall) close("it takes nothing");
}

// --- receiving ---

std::optional<Incoming> Wire::receive() {
  done();
  while (open()) {
    if (!read_header() || !read_segments() || !read_payload()) {
      if (open() && fill()) continue;
      return {};
    }
    has_header_ = false;
    const Incoming message{header_, segments_, payload_};
    if (awaits_greeting_) {
      take_greeting(message);
    } else if (header_.kind == Kind::greeted) {
      agreed_ = true;
      if (header_.clock > 0) window_ = std::move(offered_);
      offered_.reset();
    } else {
      return message;
    }
  }
  return {};
}

void Wire::done() {
  if (shared_) window_->release(shared_->position, shared_->bytes);
  shared_.reset();
}

// Takes what the socket has: false when that is nothing now.
bool Wire::fill() {
  if (in_begin_ > 0) {
    std::memmove(in_.get(), in_.get() + in_begin_, available());
    in_end_ -= in_begin_;
    in_begin_ = 0;
  }
  const bool to_its_place = has_header_ && has_memory_;
  const std::span<std::byte> direct = to_its_place ? into_.subspan(have_) : std::span<std::byte>();
  // Where large payloads come one after the other, what is read beside them is copied once more.
  const bool sparing = to_its_place || (large_ && !has_header_);
  const size_t beside = std::min(sparing ? next_head_bytes : in_bytes, in_bytes - in_end_);
  std::array<iovec, 2> parts{iovec{direct.data(), direct.size()},
                             iovec{in_.get() + in_end_, beside}};
  const ssize_t got = receive_some(socket_.get(), parts, &passed_);
  if (got == 0) close("it has gone");
  if (got < 0 && !failed_for_now()) close(std::strerror(errno));
  if (got <= 0) return false;
  if (greeted()) came_ = SteadyClock::now();  // a greeting has `silence` in all
  const size_t into = std::min(static_cast<size_t>(got), direct.size());
  have_ += into;
  in_end_ += static_cast<size_t>(got) - into;
  return true;
}

// Copies what has come, as far as it goes. Returns how much.
size_t Wire::take_in(std::span<std::byte> to) {
  const size_t bytes = std::min(to.size(), available());
  if (bytes > 0) std::memcpy(to.data(), in_.get() + in_begin_, bytes);
  in_begin_ += bytes;
  return bytes;
}

bool Wire::acceptable(const Frame& frame) const {
  if (frame.magic != frame_magic || frame.zero != 0) return false;
  return !awaits_greeting_ ||
         (header_.kind == Kind::greet && header_.bytes <= most_greeting_bytes &&
          header_.segments == 0 && frame.position == inline_payload);
}

bool Wire::read_header() {
  if (has_header_) return true;
  if (available() < sizeof(Frame) + header_bytes) return false;
  Frame frame;
  std::array<std::byte, header_bytes> bytes;
  take_in(std::as_writable_bytes(std::span(&frame, 1)));
  take_in(bytes);
  try {
    header_ = decode_header(bytes);
  } catch (const Error& error) {
    close(error.what());
    return false;
  }
  if (!acceptable(frame)) {
    close("it does not speak as a parameter server's peer");
    return false;
  }
  position_ = frame.position;
  large_ = position_ == inline_payload && header_.bytes > in_bytes;
  segments_.resize(header_.segments);
  has_header_ = true;
  has_memory_ = false;
  have_segments_ = have_ = 0;
  return true;
}

bool Wire::read_segments() {
  const auto bytes = std::as_writable_bytes(std::span(segments_));
  have_segments_ += take_in(bytes.subspan(have_segments_));
  return have_segments_ == bytes.size();
}

// The caller's, where it gives some.
std::span<std::byte> Wire::memory_for_payload() {
  const size_t bytes = header_.bytes;
  if (place_ && bytes > 0) {
    const std::span<std::byte> given = place_(header_);
    if (given.size() == bytes) return given;
  }
  if (memory_bytes_ < bytes) {
    memory_.reset();
    memory_ = std::make_unique_for_overwrite<std::byte[]>(bytes);
    memory_bytes_ = bytes;
  }
  return {memory_.get(), bytes};
}

bool Wire::read_payload() {
  if (position_ != inline_payload) return read_shared_payload();
  const size_t bytes = header_.bytes;
  if (!has_memory_ && padded(bytes) <= in_bytes / 2 && !place_) {
    if (available() < padded(bytes)) return false;
    payload_ = {in_.get() + in_begin_, bytes};
    in_begin_ += padded(bytes);
    return true;
  }
  if (!has_memory_) into_ = memory_for_payload();
  has_memory_ = true;
  have_ += take_in(into_.subspan(have_));
  const size_t rest = padded(bytes) - bytes;
  if (have_ < bytes || available() < rest) return false;
  in_begin_ += rest;
  payload_ = into_;
  return true;
}

bool Wire::read_shared_payload() {
  const auto lies =
      window_ ? window_->at(position_, header_.bytes) : std::optional<std::span<const std::byte>>();
  if (!lies) {
    close("it speaks of memory that is not there");
    return false;
  }
  payload_ = *lies;
  const std::span<std::byte> given = place_ ? place_(header_) : std::span<std::byte>();
  if (given.size() != header_.bytes || given.empty()) {
    shared_ = {position_, header_.bytes};
    return true;
  }
  std::memcpy(given.data(), lies->data(), lies->size());
  window_->release(position_, header_.bytes);
  payload_ = given;
  return true;
}

void Wire::take_greeting(const Incoming& message) {
  if (!is_secret(message.payload, options_.secret)) return close("its secret is wrong");
  awaits_greeting_ = false;
  if (passed_ && options_.shared_memory && is_own_user(socket_)) {
    try {
      window_ = std::make_unique<Window>(passed_, message.header.clock);
    } catch (const Error&) {
      window_.reset();  // payloads travel by the socket
    }
  }
  passed_.reset();
  Outgoing answer;
  answer.header.kind = Kind::greeted;
  answer.header.clock = window_ ? static_cast<uint32_t>(window_->ring_bytes()) : 0;
  send(answer, Keep::copies);
}

}  // namespace podium::ps
