// Worker: the side of parameter servers that computes: pushes, pulls, and a clock.
//
//   worker.pull_all(theta);             // as fresh as the consistency allows
//   ... compute gradients ...
//   worker.push_all(gradients, {.scale = 1.0F / workers, .lr = rate});
//   worker.tick();                      // this worker's step is done
//
// or, with one message to each server instead of three,
//
//   worker.step(gradients, theta, options);
//
// Calls that give a Ticket return at once; what they view must stay until wait(ticket). Transfers
// of one worker to one range take effect in the order of the calls. A server that is lost is no
// error as long as a backup lives: what it had not acknowledged goes to its successor.
//
// Threads: a worker belongs to one thread. Every wait has the group's patience: past it
// unavailable_error names the server and the operation. It works while the thread is inside its
// calls only; the protocol itself is worker_machine.hpp.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "ps/keys.hpp"
#include "ps/link.hpp"
#include "ps/options.hpp"
#include "ps/roster.hpp"
#include "ps/worker_machine.hpp"

namespace podium::ps {

class Worker {
 public:
  using Ticket = WorkerMachine::Ticket;
  // The newest roster; asked when a server does not answer or says that its view is newer.
  using Look = std::function<Roster()>;

  // Joins: waits until every server has welcomed it.
  Worker(uint32_t number, KeyMap map, const GroupOptions& options, Connect connect, Look look);
  ~Worker();

  uint32_t number() const;
  uint64_t clock() const;  // finished steps; above 0 at first where others have begun before
  size_t values() const;   // of Θ

  // Dense: [first, first + values.size()) of Θ. Push and push_pull throw usage_error for a range
  // that is not in Θ. A push_pull reads what a pull after the push would.
  Ticket push(std::span<const float> values, size_t first, const PushOptions& options = {});
  Ticket pull(std::span<float> values, size_t first);
  Ticket push_pull(std::span<const float> values, std::span<float> result, size_t first,
                   const PushOptions& options = {});
  // Several ranges, in any order, in one message to each server.
  Ticket push(std::span<const Slice> slices, const PushOptions& options = {});
  Ticket pull(std::span<const Room> rooms);
  // Sparse: values.size() == rows.keys.size() * rows.width.
  Ticket push(const Rows& rows, std::span<const float> values, const PushOptions& options = {});
  Ticket pull(const Rows& rows, std::span<float> values);

  void wait(Ticket ticket);
  void wait_all();

  // This worker's step is done: waits for all tickets, and tells every server.
  void tick();
  // Pushes all of Θ's gradients, ticks, and pulls Θ: waits.
  void step(std::span<const float> gradients, std::span<float> theta,
            const PushOptions& options = {});
  // Goes: nobody waits for this worker any more.
  void leave();

  // Whole Θ, and wait.
  void pull_all(std::span<float> theta) { wait(pull(theta, 0)); }
  // Θ and what the servers' rule keeps for it, one layer after the other (rules.hpp), and wait.
  // They belong together where nobody pushes meanwhile.
  void pull_state(std::span<float> state);
  void push_all(std::span<const float> gradients, const PushOptions& options = {}) {
    wait(push(gradients, 0, options));
  }

  WorkerReport report() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace podium::ps
