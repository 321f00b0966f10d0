// Wire: one connection between a worker or server and a server: messages in and out, without ever
// waiting.
//
//   frame := position:u64 magic:u32 zero:u32 message           little-endian (message.hpp)
//
// `position` is where in the window (window.hpp) the payload lies, or `inline_payload`: then it
// follows, with zeros up to a multiple of 16 bytes. The first message of who connects is a greeting
// with the secret, and the descriptor of a window where it gives one.
//
// What is sent goes straight from the caller's memory, in one call of the system with the header;
// what is received goes straight to its place once the header is known. A peer that does not keep
// the grammar ends the wire.
//
// Threads: one.
#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "core/file_descriptor.hpp"
#include "ps/link.hpp"
#include "ps/message.hpp"
#include "ps/tcp/window.hpp"

namespace podium::ps {

struct Frame;

struct WireOptions {
  std::string secret;  // of the group
  bool shared_memory = true;
  size_t ring_bytes = size_t{64} << 20;  // of a window, each way; pages are taken as they are used
  size_t least_shared_bytes = size_t{8} << 10;  // of a payload; smaller ones travel with the header
  std::chrono::milliseconds silence{5000};      // of a machine that is gone, or has not greeted
  // Of a peer in the middle of a message: it may compute meanwhile, and whether its process is
  // there the group knows.
  std::chrono::milliseconds stall{60'000};
  std::chrono::microseconds spin{30};  // before a wait sleeps; only while a core is free
};

class Wire {
 public:
  enum class Keep { views, copies };  // of what has not gone yet

  Wire(FileDescriptor socket, const WireOptions& options);

  // The side that connects: says the secret, and offers `window`. Used once the other side agrees.
  void greet(std::unique_ptr<Window> window);
  // The side that listens accepts nothing else before a greeting came.
  void expect_greeting() { awaits_greeting_ = true; }
  bool greeted() const { return !awaits_greeting_; }
  // The side that listens has said that the secret is right.
  bool agreed() const { return agreed_; }

  void send(const Outgoing& message, Keep keep);
  // Sends what is left, as far as the socket takes it, once it has much room again: small sends cost
  // as much as large ones.
  void flush();
  bool has_unsent() const { return !unsent_.empty(); }

  // The next message, if all of it is here. Valid until the next call or done().
  std::optional<Incoming> receive();
  // What receive() gave has been read: the memory of its payload is free.
  void done();

  void set_place(Link::Place place) { place_ = std::move(place); }

  bool open() const { return static_cast<bool>(socket_); }
  int descriptor() const { return socket_.get(); }
  const FileDescriptor& socket() const { return socket_; }
  const std::string& why() const { return why_; }  // it is no longer open
  void close(const std::string& why);
  // Closes it when something has begun to come, or waits to go, and has not moved for `stall`.
  void check_progress();

 private:
  using Parts = std::vector<std::span<const std::byte>>;
  struct Piece {  // of what is to be sent; `owned` keeps what `left` views, unless the caller does
    std::vector<std::byte> owned;
    std::span<const std::byte> left;
  };
  struct Shared {
    uint64_t position = 0;
    size_t bytes = 0;
  };

  // Sending.
  std::optional<uint64_t> put_into_window(const Outgoing& message);
  void send_parts(const Parts& parts, Keep keep);
  size_t write_some(const Parts& parts);
  void keep_rest(const Parts& parts, size_t gone, Keep keep);

  // Receiving.
  bool fill();
  bool read_header();
  bool read_segments();
  bool read_payload();
  bool read_shared_payload();
  bool acceptable(const Frame& frame) const;
  void take_greeting(const Incoming& message);
  std::span<std::byte> memory_for_payload();
  size_t take_in(std::span<std::byte> to);
  size_t available() const { return in_end_ - in_begin_; }

  FileDescriptor socket_;
  const WireOptions& options_;
  std::string why_;
  bool awaits_greeting_ = false;
  bool agreed_ = false;
  SteadyClock::time_point came_;  // when something last came,
  SteadyClock::time_point went_;  // and went

  std::unique_ptr<Window> window_;   // in use
  std::unique_ptr<Window> offered_;  // until the other side agrees
  FileDescriptor passed_;            // that came with the greeting

  std::deque<Piece> unsent_;

  std::unique_ptr<std::byte[]> in_;  // what came and was not understood yet
  size_t in_begin_ = 0;
  size_t in_end_ = 0;
  bool large_ = false;  // the last payload that came, or comes, by the socket
  bool has_header_ = false;
  Header header_;
  uint64_t position_ = 0;
  std::vector<Segment> segments_;
  size_t have_segments_ = 0;  // bytes
  Link::Place place_;
  std::unique_ptr<std::byte[]> memory_;  // of payloads that have no other place
  size_t memory_bytes_ = 0;
  bool has_memory_ = false;  // for the present payload, of which `have_` bytes are there
  std::span<std::byte> into_;
  size_t have_ = 0;
  std::span<const std::byte> payload_;  // of the message that receive() gives
  std::optional<Shared> shared_;        // that receive() gave
};

}  // namespace podium::ps
