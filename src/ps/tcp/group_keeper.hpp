// GroupKeeper: what the thread of a group (server_group.hpp) does: it starts servers, watches them
// and the workers, and tells everybody who is there.
//
// A server is there once it has said where it listens; it is current once it holds its ranges. Its
// death, by whatever, is a new view. A worker joins by asking: it is answered when every server
// has seen a view with it. It is dropped when it has gone, or was away, for the grace, and when it
// answers nothing.
//
// Threads: one calls turn(); the functions under a lock may be called by others.
#pragma once

#include <atomic>
#include <mutex>
#include <optional>
#include <vector>

#include "core/worker_process.hpp"
#include "ps/tcp/control.hpp"
#include "ps/tcp/restarts.hpp"
#include "ps/tcp/server_group.hpp"
#include "ps/tcp/tcp_station.hpp"

namespace podium::ps {

class GroupKeeper {
 public:
  // Starts the servers. Throws usage_error, io_error.
  GroupKeeper(std::vector<NamedSize> buffers, std::span<const float> state,
              ServerGroup::Options options);

  // Takes what comes, for up to `patience`, and does what is due.
  void turn(std::chrono::milliseconds patience);
  // Ends a turn that waits. From any thread.
  void wake() const { station_.wake(); }

  // From any thread.
  const KeyMap& map() const { return map_; }
  const ServerGroup::Options& options() const { return options_; }
  const Ticket& ticket() const { return ticket_; }
  bool complete() const { return complete_; }  // every server has begun
  bool failed() const { return failed_; }      // before that, one was left down
  Roster roster() const;
  int pid(int server) const;
  int restarts() const { return restarts_; }
  // Asks the servers, once more, how they do; sums those that have answered the last asking.
  void ask_for_reports() { reports_wanted_ = true; }
  bool asks() const { return reports_wanted_; }  // soon
  ServerReport report(size_t* answered) const;

 private:
  using Time = SteadyClock::time_point;
  using Peer = Station::Peer;

  struct Seat {  // of a server
    std::optional<WorkerProcess> process;
    std::optional<Peer> peer;  // it is set up
    uint32_t seen = 0;         // the newest view that it acts on
    Time heard;
    std::optional<Time> start_at;
    Restarts restarts;
    std::optional<ServerReport> report;
  };
  struct Member {  // a process that takes part
    uint32_t worker = 0;
    Peer peer = 0;
    Time heard;
    std::optional<Time> lost_at;
    uint32_t joins_with = 0;  // the view with which it is answered; 0: it has been
  };

  void received(Peer peer, const Incoming& message);
  void lost(Peer peer);

  void start(size_t server);
  void set_up(size_t server, Peer peer, const std::string& address);
  void seen(size_t server, const Header& header);
  void died(size_t server, const std::string& how);
  bool can_be_current(size_t server) const;
  std::vector<bool> usable() const;

  void join(Peer peer, uint32_t worker);
  void answer_joins();
  void leaves(uint32_t worker);
  void remove(uint32_t worker, const std::string& why);

  void new_view();
  void watch_servers();
  void watch_workers();
  void ping();
  void ask();

  Seat* seat_of(Peer peer);
  Member* member_of(Peer peer);

  const std::vector<NamedSize> buffers_;
  const ServerGroup::Options options_;
  const KeyMap map_;
  TcpStation station_;
  Ticket ticket_;
  Station::Events events_;
  std::vector<float> beginning_;  // until all servers have it
  std::vector<Member> members_;
  Time turned_;
  Time pinged_;

  mutable std::mutex mutex_;  // of what follows; only turn() changes it
  std::vector<Seat> seats_;
  Roster roster_;
  std::atomic<bool> complete_{false};
  std::atomic<bool> failed_{false};
  std::atomic<int> restarts_{0};
  std::atomic<bool> reports_wanted_{false};
};

}  // namespace podium::ps
