// Dispatcher: accepted requests on their way to a replica and back.
//
// Every request that is submitted is answered exactly once: by a replica, by 504 when its time is
// over, or by 503 when no replica can answer it any more. A request whose replica died is sent to
// another one, as the retry budget allows and at most `max_attempts` times in all. Lives on the
// service's thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "core/clock.hpp"
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

  struct Request {
    Method method{};
    RequestFields fields;
    std::string target;
    std::string body;
    uint64_t key = 0;     // of the hash policy
    uint64_t client = 0;  // who asks, for versions on trial
    int version = 0;      // asked for; 0: any
  };
  // REQUIRES: a replica is ready.
  void submit(Request request, Answer answer);

  size_t in_flight() const { return pending_.size(); }
  size_t bytes() const { return bytes_; }  // bodies of the requests in flight
  int64_t retried() const { return retried_; }

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
    size_t seat = nowhere;  // nowhere: waits for a replica
    int attempts = 0;
  };
  using Table = std::map<uint64_t, Pending>;  // in order of arrival

  bool dispatch(Table::iterator request);
  void finish(Table::iterator request, const ReplyFields& fields, std::string body);
  void refuse(Table::iterator request, int status, const std::string& why);
  void await_deadline();
  void expire();

  std::chrono::milliseconds timeout_;
  ReplicaPool& pool_;
  Balancer balancer_;
  RetryBudget retries_;
  Table pending_;
  uint64_t next_id_ = 1;
  size_t bytes_ = 0;
  int64_t retried_ = 0;
  boost::asio::steady_timer timer_;
  bool timing_ = false;
  std::deque<std::pair<SteadyClock::time_point, uint64_t>> deadlines_;  // ascending
};

}  // namespace podium::serve
