// Communicator: a group of ranks that exchange spans of bytes. The one seam of this floor.
//
// Backends: mpi/ (ranks are processes) and inproc/ (ranks are threads of one process). Everything
// above point-to-point (ring AllReduce, broadcast, gather, barrier) is written once over this
// interface, one operation a file.
//
// Threads: one thread at a time may use a Communicator; different Communicators of a rank may be
// used from different threads. Messages between two ranks with equal tags arrive in order.
//
// Every wait has a limit and a name. A wait past its limit throws internal_error, which says which
// rank waited for whom in which operation: a stuck job explains itself instead of hanging.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/clock.hpp"

namespace podium::comm {

// A send or receive under way. Move-only; its buffer must outlive it. Destroying one that has not
// completed abandons it, which only an error path does (the job ends then).
class Request {
 public:
  class Operation {
   public:
    virtual ~Operation() = default;
    // True once the operation has completed. Throws internal_error if it failed.
    virtual bool test() = 0;
  };

  Request() = default;
  explicit Request(std::unique_ptr<Operation> operation) : operation_(std::move(operation)) {}

  // True once complete; a default-constructed request is complete.
  bool test() {
    if (operation_ && operation_->test()) operation_.reset();
    return operation_ == nullptr;
  }

 private:
  std::unique_ptr<Operation> operation_;
};

// A message that has arrived but was not yet received.
struct Envelope {
  int from = 0;
  int tag = 0;
  size_t bytes = 0;
};

// How long a rank waits, and how it spends the time (core/clock.hpp).
struct WaitPolicy {
  std::chrono::milliseconds limit{std::chrono::minutes(2)};
  Backoff::Kind backoff = Backoff::Kind::hot;
};

inline constexpr int any_rank = -1;
inline constexpr int any_tag = -1;

class Communicator {
 public:
  explicit Communicator(std::string name) : name_(std::move(name)) {}
  virtual ~Communicator() = default;
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  virtual int rank() const = 0;
  virtual int size() const = 0;
  const std::string& name() const { return name_; }

  // Starts a transfer. REQUIRES: 0 <= tag < 32768; the span stays valid until the request is
  // complete; for receives, the message is exactly as long as the span (else test() throws).
  virtual Request isend(std::span<const std::byte> bytes, int to, int tag) = 0;
  virtual Request irecv(std::span<std::byte> bytes, int from, int tag) = 0;

  // The next message from `from` (or any_rank) with `tag` (or any_tag), if one has arrived.
  virtual std::optional<Envelope> probe(int from, int tag) = 0;

  // Waits for `request` as `policy()` says. `operation` and `peer` name the wait.
  void wait(Request& request, const char* operation, int peer) const;
  void wait(Request& request, const char* operation, int peer, const WaitPolicy& policy) const;

  const WaitPolicy& policy() const { return policy_; }
  void set_policy(const WaitPolicy& policy) { policy_ = policy; }

 private:
  std::string name_;
  WaitPolicy policy_;
};

// Blocking forms over the seam.
void send(Communicator& group, std::span<const std::byte> bytes, int to, int tag);
void receive(Communicator& group, std::span<std::byte> bytes, int from, int tag);

// A whole message of unknown length: waits (idle) until one arrives.
struct Message {
  int from = 0;
  int tag = 0;
  std::vector<std::byte> bytes;
};
Message receive_any(Communicator& group, int from, int tag, const WaitPolicy& policy);
// Empty when none has arrived yet.
std::optional<Message> try_receive(Communicator& group, int from, int tag);

}  // namespace podium::comm
