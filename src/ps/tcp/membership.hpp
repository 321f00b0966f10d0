// Membership: a process that takes part in a group: it keeps the newest roster, and tells the group
// that the process is there.
//
// Threads: one of its own listens to the group; roster() may be called from any. A process that
// stops answers no more, and the group drops its worker.
#pragma once

#include <atomic>
#include <mutex>
#include <thread>

#include "ps/roster.hpp"
#include "ps/tcp/control.hpp"
#include "ps/tcp/tcp_link.hpp"

namespace podium::ps {

class Membership {
 public:
  // Joins as worker `number`: afterwards every server knows of it. Throws unavailable_error.
  Membership(const Ticket& ticket, uint32_t number, std::chrono::milliseconds limit);
  ~Membership();
  Membership(const Membership&) = delete;
  Membership& operator=(const Membership&) = delete;

  // Throws unavailable_error once the group has gone.
  Roster roster() const;

 private:
  // Returns true for the answer to join.
  bool take(const Incoming& message);
  void listen();

  const std::string address_;
  TcpLink link_;
  mutable std::mutex mutex_;
  Roster roster_;
  std::atomic<bool> gone_{false};
  std::atomic<bool> ending_{false};
  std::thread thread_;
};

}  // namespace podium::ps
