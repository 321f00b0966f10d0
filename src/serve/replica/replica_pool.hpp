// ReplicaPool: the replicas of a service, their lives and the version that they serve.
//
// A seat is the place of one replica; processes come and go in it. A process that dies is
// restarted, a little later each time; after five deaths within a minute its seat is left down. One
// that does not answer (health.hpp) is killed first. A replica that another job brought has a seat
// too, which is empty when it goes (join_door.hpp).
// Deployments have two phases: every live replica prepares the version beside the one it serves;
// once all have, all are told to activate it, at one moment, or one of them after a trial
// (canary.hpp). Lives on the service's thread. Part of the service.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/clock.hpp"
#include "core/log.hpp"
#include "serve/balancer/balancer.hpp"
#include "serve/balancer/outlier_watch.hpp"
#include "serve/replica/canary.hpp"
#include "serve/replica/health.hpp"
#include "serve/replica/replica_link.hpp"
#include "serve/service.hpp"

namespace podium::serve {

class ReplicaPool {
 public:
  struct Events {
    std::function<void(size_t seat, uint64_t id, const ReplyView& reply)> replied;
    std::function<void(uint64_t id, const DecisionView& decision)> decided;  // before its reply
    std::function<void(size_t seat)> lost;  // its unanswered requests will get no reply
    std::function<void()> changed;          // a seat became ready, or is left down; now and then
    // What belongs on a timeline, and how long ago it was.
    std::function<void(nlohmann::ordered_json event, std::chrono::nanoseconds ago)> happened;
  };
  using Deployed = std::function<void(const DeployResult&)>;

  ReplicaPool(boost::asio::io_context& context, const ServiceOptions& options, const Log& log);
  // Ends the replicas. REQUIRES: the service's thread runs no more.
  ~ReplicaPool();

  // Starts the replicas. Throws io_error.
  void start(Events events);

  // Which seats take requests, for the balancer.
  std::span<const ReplicaLoad> loads();
  // The same, and of the other side none.
  std::span<const ReplicaLoad> loads_of(Side side);
  // The side that answers a client, known by a hash, which asks for `version` (0: any).
  Side side_of(uint64_t client, int version) const;
  bool any_ready() const;
  // False when no seat will ever be ready again, or nothing is deployed.
  bool any_expected() const;

  // Sends the frame of request `id`. REQUIRES: the seat is ready.
  void send(size_t seat, uint64_t id, std::string head, std::shared_ptr<const std::string> body);

  // Gives a replica of another job a seat. Returns false when all for such are taken.
  bool join(ReplicaLink::Socket socket, const std::string& name);

  // Begins a deployment; `done` is called once. A version that was published must be newer than the
  // current one, and may be tried out first; one that somebody ordered by its number need not, and
  // is not. REQUIRES: none is under way.
  enum class Why { published, ordered };
  void deploy(int version, const std::string& path, Why why, Deployed done);
  // Gives the deployment under way up.
  void abandon_deployment(const std::string& why);

  int version() const { return current_ ? current_->number : 0; }
  // A seat did not answer a request in time; a version on trial is judged by it.
  void note_timeout(size_t seat);
  // The version on trial; 0: none.
  int version_on_trial() const { return trial_ ? trial_->canary.version() : 0; }
  const std::string& name(size_t seat) const { return seats_[seat].stats.name; }
  // Fills `replicas`, `restarts`, `swaps`, `swap_ms`, `version`, `canaries` and `rolled_back`.
  void report(ServiceStats* stats) const;

 private:
  struct Version {
    uint64_t ticket = 0;  // of its deployment
    int number = 0;
    std::string path;
  };
  struct Sent {
    SteadyClock::time_point at;
    size_t bytes = 0;
  };
  struct Seat {
    Seat(boost::asio::io_context& context, std::string its_name) : restart(context) {
      stats.name = std::move(its_name);
    }
    std::shared_ptr<ReplicaLink> link;    // null while no process runs
    std::optional<WorkerProcess> ending;  // closed and not yet reaped
    boost::asio::steady_timer restart;
    std::deque<SteadyClock::time_point> deaths;  // within the last minute
    ReplicaStats stats;
    Pulse pulse;
    std::unordered_map<uint64_t, Sent> sent;            // requests that it has yet to answer
    size_t sent_bytes = 0;                              // their bodies
    std::optional<SteadyClock::time_point> warm_since;  // while it starts slowly
  };
  struct Leaving {
    std::string name;
    WorkerProcess process;
  };
  struct Rollout {
    Version version;
    Why why = Why::published;
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
  struct Trial {
    Trial(size_t which, Canary what, boost::asio::io_context& context)
        : seat(which), canary(std::move(what)), timer(context) {}
    size_t seat;  // that serves the version of the rollout
    Canary canary;
    bool active = false;  // what the seat had to answer for the version before is answered
    Stopwatch begun;
    boost::asio::steady_timer timer;
  };

  void launch(size_t seat);
  void begin(size_t seat, std::shared_ptr<ReplicaLink> link);
  ReplicaLink::Events events_of(size_t seat);
  void received(size_t seat, const Frame& frame);
  void lost(size_t seat, const std::string& why);
  void schedule_restart(size_t seat);
  void leave_down(size_t seat);

  // Watching (pool_watch.cpp).
  void replied(size_t seat, const Frame& frame);
  void answered_ping(size_t seat, uint32_t busy_ms);
  void start_slowly(size_t seat);
  void await_tick();
  void tick();
  void eject(const OutlierWatch::Verdict& verdict);
  void let_go(size_t seat);

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

  // A version on trial (canary_rollout.cpp).
  bool begin_trial();
  void activate_trial();
  void await_verdict();
  void note_answer(size_t seat, const ReplyFields& fields);
  void judge();
  bool nothing_to_compare() const;
  void lost_in_trial(size_t seat);
  void end_trial();

  boost::asio::io_context& context_;
  const ServiceOptions& options_;
  Log log_;
  Events events_;
  std::deque<Seat> seats_;          // first those of this service's own replicas
  std::vector<ReplicaLoad> loads_;  // one per seat
  std::optional<Version> current_;
  std::optional<Rollout> rollout_;
  uint64_t last_ticket_ = 0;
  std::optional<Swap> swap_;  // the one under way
  int64_t swaps_ = 0;
  double swap_ms_ = 0;  // the longest
  HealthLimits health_;
  boost::asio::steady_timer tick_;
  OutlierWatch outliers_;
  int64_t ejections_ = 0;
  std::vector<Leaving> leaving_;  // killed, and not yet reaped
  std::optional<Trial> trial_;
  std::vector<ReplicaLoad> eligible_;  // the answer of loads_of() during a trial
  int64_t canaries_ = 0;
  int64_t rolled_back_ = 0;
};

}  // namespace podium::serve
