// Dispatcher: accepted requests on their way to a replica and back.
//
// Every request that is submitted is answered exactly once: by a replica, by 504 when its time is
// over, by 429 when a more urgent one takes its place in a full queue, or by 503 when no replica
// can answer it any more. A replica gets only so many at a time; the others wait here, where they
// can still be put in order (admission.hpp). A request whose replica died is sent to another one,
// as the retry budget allows and at most `max_attempts` times in all, with its old turn and
// deadline. Lives on the service's thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/clock.hpp"
#include "serve/balancer/admission.hpp"
#include "serve/balancer/balancer.hpp"
#include "serve/balancer/retry_budget.hpp"
#include "serve/replica/frame.hpp"
#include "serve/replica/replica_pool.hpp"

namespace podium::serve {

class Dispatcher {
 public:
  using Answer = std::function<void(const ReplyFields& fields, std::string body)>;

  static constexpr int max_attempts = 3;

  Dispatcher(boost::asio::io_context& context, const ServiceOptions& options, ReplicaPool& pool);

  // True when a request may be submitted now; answers a less urgent one that must go for it.
  bool make_room(const RequestFields& fields, size_t body_bytes);

  struct Request {
    Method method{};
    RequestFields fields;
    std::string target;
    std::string body;
    uint64_t key = 0;     // of the hash policy
    uint64_t client = 0;  // who asks, for versions on trial
    int version = 0;      // asked for; 0: any
  };
  // REQUIRES: a replica is ready, and make_room() said so.
  void submit(Request request, Answer answer);

  size_t in_flight() const { return pending_.size(); }
  size_t waiting() const { return admission_.waiting().size(); }  // of these, for a replica
  int64_t retried() const { return retried_; }
  // For those that are turned away.
  int retry_after_s() const { return admission_.retry_after_s(SteadyClock::now()); }

  // Events of the pool.
  void replied(uint64_t id, const ReplyView& reply);
  void lost(size_t seat);
  void changed();

 private:
  static constexpr size_t nowhere = SIZE_MAX;

  struct Pending {
    Method method{};
    RequestFields fields;
    std::string target;
    std::shared_ptr<const std::string> body;
    uint64_t key = 0;
    uint64_t client = 0;
    int version = 0;
    Answer answer;
    uint64_t turn = 0;
    SteadyClock::time_point deadline;
    std::chrono::milliseconds limit{0};  // from its arrival to its deadline
    size_t seat = nowhere;               // nowhere: waits for a replica
    int attempts = 0;
  };
  using Table = std::unordered_map<uint64_t, Pending>;

  Side side_of(const Pending& request) const;
  std::span<const ReplicaLoad> open_seats(Side side);
  bool dispatch(Table::iterator request);
  void wait(Table::iterator request);
  void send_waiting();
  void send_waiting(Side side);
  void finish(Table::iterator request, const ReplyFields& fields, std::string body, bool served);
  void refuse(Table::iterator request, int status, const std::string& why);
  void await_deadline();
  void expire();

  const std::chrono::milliseconds timeout_;
  const size_t seat_limit_;  // requests that a replica holds at a time
  ReplicaPool& pool_;
  Balancer balancer_;
  RetryBudget retries_;
  Admission admission_;
  Table pending_;
  uint64_t next_id_ = 1;
  int64_t retried_ = 0;
  std::vector<ReplicaLoad> open_;  // the answer of open_seats()
  boost::asio::steady_timer timer_;
  SteadyClock::time_point alarm_ = SteadyClock::time_point::max();    // max: none is set
  std::set<std::pair<SteadyClock::time_point, uint64_t>> deadlines_;  // of pending requests
};

}  // namespace podium::serve
