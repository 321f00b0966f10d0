#include "core/precedence.hpp"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace podium {
namespace {

constexpr int32_t nice_that_waits = 10;
constexpr uint64_t shortest_slice_ns = 100'000;

// As the kernel has it (sched_setattr(2)); the C library names it from its version 2.41 on.
struct Scheduling {
  uint32_t size = sizeof(Scheduling);
  uint32_t policy = SCHED_OTHER;
  uint64_t flags = 0;
  int32_t nice = 0;
  uint32_t priority = 0;
  uint64_t runtime = 0;  // the slice of a thread of this policy
  uint64_t deadline = 0;
  uint64_t period = 0;
};

Scheduling of_this_thread() {
  Scheduling own;
  ::syscall(SYS_sched_getattr, 0, &own, sizeof own, 0U);
  own.size = sizeof own;
  return own;
}

void wish(Scheduling scheduling) {
  scheduling.runtime = shortest_slice_ns;
  ::syscall(SYS_sched_setattr, 0, &scheduling, 0U);
}

}  // namespace

void start_at_once() {
  const Scheduling own = of_this_thread();
  if (own.policy == SCHED_OTHER) wish(own);
}

void let_others_first() {
  Scheduling own = of_this_thread();
  own.policy = SCHED_OTHER;
  if (own.nice < nice_that_waits) own.nice = nice_that_waits;
  wish(own);
}

}  // namespace podium
