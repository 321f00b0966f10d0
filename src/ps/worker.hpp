// Worker: the side of parameter servers that computes: pushes, pulls, and a clock.
//
//   worker.pull(theta);                 // as fresh as the consistency allows
//   ... compute gradients ...
//   worker.push(gradients, {.scale = lr});
//   worker.tick();                      // this worker's step is done
//
// Calls with a Ticket return at once; what they view must stay until wait(ticket). Transfers of one
// worker to one range take effect in the order of the calls. A server that is lost is no error as
// long as a backup lives: what it had not acknowledged goes to its successor.
//
// Threads: a worker belongs to one thread. Every wait has the group's patience: past it
// unavailable_error names the server and the operation.
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

namespace podium::ps {

struct PushOptions {
  float scale = 1;  // the learning rate, for the rules that have one; a factor for Rule::sum
};

// Rows of a table in Θ that begins at `first`: row k has `width` values.
struct Rows {
  size_t first = 0;
  uint32_t width = 1;
  std::span<const uint32_t> keys;  // ascending, without doubles
};

struct WorkerReport {
  uint64_t bytes_sent = 0, bytes_received = 0;
  uint64_t bytes_saved_keys = 0, bytes_saved_encoding = 0, bytes_saved_significance = 0;
  uint64_t resent = 0, failovers = 0;
  double waited_s = 0;
  std::vector<uint64_t> staleness;  // pulls by the age of what they brought, in clocks
};

class Worker {
 public:
  using Ticket = uint64_t;
  // The newest roster; asked when a server does not answer or says that its view is newer.
  using Look = std::function<Roster()>;

  Worker(uint32_t number, KeyMap map, const GroupOptions& options, Connect connect, Look look);
  ~Worker();

  uint32_t number() const;
  uint64_t clock() const;  // finished steps
  size_t values() const;   // of Θ

  // Dense: [first, first + values.size()) of Θ.
  Ticket push(std::span<const float> values, size_t first, const PushOptions& options = {});
  Ticket pull(std::span<float> values, size_t first);
  Ticket push_pull(std::span<const float> values, std::span<float> result, size_t first,
                   const PushOptions& options = {});
  // Sparse: values.size() == rows.keys.size() * rows.width.
  Ticket push(const Rows& rows, std::span<const float> values, const PushOptions& options = {});
  Ticket pull(const Rows& rows, std::span<float> values);

  void wait(Ticket ticket);
  void wait_all();

  // This worker's step is done: waits for all tickets, and tells every server.
  void tick();
  // Goes: nobody waits for this worker any more.
  void leave();

  // Whole Θ, and wait.
  void pull(std::span<float> theta) { wait(pull(theta, 0)); }
  void push(std::span<const float> gradients, const PushOptions& options) {
    wait(push(gradients, 0, options));
  }

  WorkerReport report() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace podium::ps
