// ReplicaPool: the replicas of a service, their lives and the version that they serve.
//
// A seat is the place of one replica; processes come and go in it. A process that dies is
// restarted, a little later each time; after five deaths within a minute its seat is left down.
// Deployments have two phases: every live replica prepares the version beside the one it serves;
// once all have, all are told to activate it, at one moment. Lives on the service's thread. Part of
// the service.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "core/log.hpp"
#include "serve/balancer/balancer.hpp"
#include "serve/replica/replica_link.hpp"
#include "serve/service.hpp"

namespace podium::serve {

class ReplicaPool {
 public:
  struct Events {
    std::function<void(size_t seat, uint64_t id, const ReplyView& reply)> replied;
    std::function<void(size_t seat)> lost;  // its unanswered requests will get no reply
    std::function<void()> changed;          // a seat became ready, or is left down
  };
  using Deployed = std::function<void(const DeployResult&)>;

  ReplicaPool(boost::asio::io_context& context, const ServiceOptions& options, const Log& log);
  // Ends the replicas. REQUIRES: the service's thread runs no more.
  ~ReplicaPool();

  // Starts the replicas. Throws io_error.
  void start(Events events);

  // Which seats take requests, for the balancer.
  std::span<const ReplicaLoad> loads() const { return loads_; }
  bool any_ready() const;
  // False when no seat will ever be ready again, or nothing is deployed.
  bool any_expected() const;

  // Sends a request frame. REQUIRES: the seat is ready.
  void send(size_t seat, std::string head, std::shared_ptr<const std::string> body);

  // Begins a deployment; `done` is called once. REQUIRES: none is under way.
  void deploy(int version, const std::string& path, Deployed done);
  // Gives the deployment under way up.
  void abandon_deployment(const std::string& why);

  int version() const { return current_ ? current_->number : 0; }
  std::string name(size_t seat) const;
  // Fills `replicas`, `restarts`, `swaps`, `swap_ms` and `version`.
  void report(ServiceStats* stats) const;

 private:
  struct Version {
    uint64_t ticket = 0;  // of its deployment
    int number = 0;
    std::string path;
  };
  struct Seat {
    explicit Seat(boost::asio::io_context& context) : restart(context) {}
    std::shared_ptr<ReplicaLink> link;    // null while no process runs
    std::optional<WorkerProcess> ending;  // closed and not yet reaped
    boost::asio::steady_timer restart;
    std::deque<SteadyClock::time_point> deaths;  // within the last minute
    ReplicaStats stats;
  };
  struct Rollout {
    Version version;
    bool begun = false;
    std::set<size_t> waiting;   // seats that are preparing
    std::set<size_t> prepared;  // seats that can activate
    Deployed done;
    Stopwatch started;
  };
  struct Swap {
    Version version;
    std::set<size_t> waiting;  // seats that were told to activate and have not answered
    Stopwatch told;
  };

  void launch(size_t seat);
  void received(size_t seat, const Frame& frame);
  void lost(size_t seat, const std::string& why);
  void reap(size_t seat);
  void schedule_restart(size_t seat);
  void leave_down(size_t seat);

  // Deployment (rollout.cpp).
  void begin_rollout();
  void prepared(size_t seat, uint64_t ticket);
  void failed(size_t seat, uint64_t ticket, const std::string& reason);
  void settle_rollout();
  void swap_versions();
  void order_prepare(size_t seat, const Version& version);
  void activate(size_t seat);
  void activated(size_t seat, uint64_t ticket);
  void finish_rollout(const std::string& error);

  boost::asio::io_context& context_;
  const ServiceOptions& options_;
  Log log_;
  Events events_;
  std::vector<Seat> seats_;
  std::vector<ReplicaLoad> loads_;  // one per seat
  std::optional<Version> current_;
  std::optional<Rollout> rollout_;
  uint64_t last_ticket_ = 0;
  std::optional<Swap> swap_;  // the one under way
  int64_t swaps_ = 0;
  double swap_ms_ = 0;  // the longest
};

}  // namespace podium::serve
