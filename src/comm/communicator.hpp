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

#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "comm/elements.hpp"
#include "comm/shared_memory.hpp"
#include "core/clock.hpp"

namespace podium::comm {

// A send or receive under way, a value without allocations. Its buffer must outlive it. Dropping
// one that has not completed abandons it, which only an error path does (the job ends then).
class Request {
 public:
  Request() = default;
  // `operation` is small and trivially copyable; its `bool test()` is true once the operation has
  // completed, and throws internal_error if it failed.
  template <typename Operation>
  explicit Request(const Operation& operation) {
    static_assert(sizeof(Operation) <= capacity && std::is_trivially_copyable_v<Operation>);
    new (storage_.data()) Operation(operation);
    test_ = [](void* stored) { return static_cast<Operation*>(stored)->test(); };
  }
  Request(Request&& other) noexcept { *this = std::move(other); }
  Request& operator=(Request&& other) noexcept {
    storage_ = other.storage_;
    test_ = std::exchange(other.test_, nullptr);
    return *this;
  }
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

  // True once complete; a default-constructed request is complete.
  bool test() {
    if (test_ != nullptr && test_(storage_.data())) test_ = nullptr;
    return test_ == nullptr;
  }

 private:
  static constexpr size_t capacity = 40;
  alignas(std::max_align_t) std::array<std::byte, capacity> storage_{};
  bool (*test_)(void*) = nullptr;
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
  // As irecv, but the message may be shorter than the span, whose rest stays as it is.
  virtual Request irecv_up_to(std::span<std::byte> bytes, int from, int tag) = 0;

  // The next message from `from` (or any_rank) with `tag` (or any_tag), if one has arrived.
  virtual std::optional<Envelope> probe(int from, int tag) = 0;

  // Memory that this rank and others of its node reach: one makes it, the others join it under the
  // name it got. Null where the node or the backend has none to give; `why_not` then says so.
  virtual std::unique_ptr<SharedMemory> make_shared_memory(size_t bytes, std::string* why_not) = 0;
  virtual std::unique_ptr<SharedMemory> join_shared_memory(const std::string& name, size_t bytes,
                                                           std::string* why_not) = 0;

  // The sum over ranks by the transport's own AllReduce, if it has one: replaces `values` by their
  // sum. Collective. `story` tells what is summed, for the message when a rank does not come; it
  // may be called by another thread while this call waits.
  virtual bool has_own_sum() const { return false; }
  virtual void own_sum(const Elements& values, const std::function<std::string()>& story);

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
