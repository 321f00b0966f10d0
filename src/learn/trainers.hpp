// Trainers: the ranks that learn. The first one leads: it takes batches from the hub and deals them
// to the others, which follow; all take the same updates (learner.hpp).
//
// The leading trainer asks the hub for what is next, does it and tells the hub, until learning ends
// or is to stop. Those that follow sleep between two batches.
//
// Threads: each rank's belongs to its one thread.
#pragma once

#include <functional>
#include <span>

#include "comm/communicator.hpp"
#include "core/span_names.hpp"
#include "learn/accounting.hpp"
#include "learn/experience_codec.hpp"
#include "learn/hub.hpp"
#include "learn/learner.hpp"

namespace podium::learn {

enum class Ended {
  all_done,  // the pace says so
  enough,    // the hooks say so
  stopped,   // it was asked to: what is under way can go on
};

struct LeadHooks {
  std::function<bool()> should_stop;
  // After each batch: its updates. Whether that is enough.
  std::function<bool(uint64_t batch, std::span<const Update> updates)> on_batch;
  // Every so often while no batch can be drawn: whether that is enough; may be empty.
  std::function<bool()> on_wait = {};
  // What publishing weights is called in a trace.
  const char* sync_span = spans::sync_direct;
  // Before weights are published; may be empty.
  std::function<void()> on_publish = {};
  // Between two batches, when nothing is under way: it may save.
  std::function<void()> between;
};

// On the first rank of `group`.
Ended lead(Hub& hub, Learner& learner, comm::Communicator& group, const LeadHooks& hooks,
           Accounting& accounting);

// On the others, until the first one ends.
void follow(Learner& learner, comm::Communicator& group, const ExperienceLimits& limits,
            Accounting& accounting);

}  // namespace podium::learn
