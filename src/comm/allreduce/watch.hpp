// Watch: how a rank waits inside an AllReduce, and what it says when a wait takes too long.
//
// A wait spins for a moment, then yields, then sleeps: where ranks outnumber cores the one that is
// waited for gets the core. Past the group's limit the rank tells all others that it is stuck;
// those that wait as well say so too, within two seconds. Who says nothing is who has not
// arrived: dead, stopped, or busy elsewhere. The error names them, also when the rank that
// everybody waits for in the end is no neighbour.
//
// Threads: one, that of the group.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <utility>

#include "comm/allreduce/signature.hpp"
#include "comm/communicator.hpp"
#include "core/clock.hpp"

namespace podium::comm {

class Watch {
 public:
  // `crowded`: there are more ranks than cores on this node, so that spinning keeps a peer waiting.
  Watch(Communicator& group, bool crowded) : group_(group), crowded_(crowded) {}

  // What is being summed from now on, and how.
  void start(const Signature& signature, const char* algorithm) {
    signature_ = signature;
    algorithm_ = algorithm;
  }

  // Asked in every round of a wait, before pausing: true if the wait need not pause by itself.
  void set_give_way(std::function<bool()> give_way) { give_way_ = std::move(give_way); }

  Communicator& group() const { return group_; }
  const Signature& signature() const { return signature_; }
  // For messages: "sum 17, 'gradients', 454922 floats, ring".
  std::string story() const;

  // Polls `done` until it holds. `peer` is the rank that is waited for, `step` a part of the
  // algorithm. Throws internal_error past the limit, or when another rank is found to be stuck.
  template <typename Done>
  void until(Done&& done, int peer, const char* step) {
    if (done()) return;
    Wait wait;
    while (!done()) pause(wait, peer, step);
  }

  void wait(Request& request, int peer, const char* step) {
    until([&] { return request.test(); }, peer, step);
  }

 private:
  struct Wait {
    uint32_t rounds = 0;
    SteadyClock::time_point start;
  };
  // What a stuck rank tells the others.
  struct Report {
    Signature signature;
    int waits_for = 0;
  };

  void pause(Wait& wait, int peer, const char* step);
  [[noreturn]] void fail(const Wait& wait, int peer, const char* step);

  Communicator& group_;
  bool crowded_;
  Signature signature_;
  const char* algorithm_ = "";
  std::function<bool()> give_way_;
};

}  // namespace podium::comm
