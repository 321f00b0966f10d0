// SideWork: exchanges that go on while their rank computes, by one of three drivers.
//
//   polling   in the computing thread: at each poll() the work goes on until it would have to wait
//             for another rank, on a stack of its own (core/fiber.hpp)
//   thread    in a thread of its own, which needs a core to be faster
//   off       in finish(), all at once
//
// The work is the same function for all three, so what it exchanges, in which order and to which
// bits, does not depend on the driver. Threads: all but the work itself belongs to one thread.
#pragma once

#include <functional>
#include <memory>
#include <string>

namespace podium::comm {

enum class Overlap { polling, thread, off };

// Parses "polling", "thread" or "off"; throws usage_error otherwise.
Overlap parse_overlap(const std::string& text);

class SideWork {
 public:
  virtual ~SideWork() = default;

  // The work begins. REQUIRES: the one before has ended.
  virtual void start() = 0;
  // Between pieces of other work. Throws what the work has thrown.
  virtual void poll() = 0;
  // Returns when the work has ended. Throws what it has thrown.
  virtual void finish() = 0;

  // From inside the work: waits until `done`, which comes true before a call of poll() or finish().
  virtual void until(const std::function<bool()>& done) = 0;
  // From inside the work, again and again while it waits for another rank: true if other work has
  // gone on meanwhile, so that the wait need not pause by itself. Throws when nobody waits for the
  // work any more.
  virtual bool give_way() = 0;
};

std::unique_ptr<SideWork> make_side_work(Overlap how, std::function<void()> work);

}  // namespace podium::comm
