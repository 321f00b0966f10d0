// Shift: who of a rank's trainers does what, from one pause of the training to the next.
//
// The trainers join the parameter servers together, work off leases of the units of the shift, and
// rest once nothing is left to be given out: one that rests has left the servers, so that nobody
// waits for it. A trainer that dies gives back its leases; those who rest are called again for
// them, and its successor joins as long as there is something to give out.
//
// Leases shrink as the work does: a trainer gets half of its even share of what is free (guided
// self-scheduling, Polychronopoulos & Kuck 1987), and always one more than it works at, so that it
// never waits for the next.
//
// A machine of states: it hears what happened, and says what is to be told to whom. Pure; threads:
// one.
#pragma once

#include <cstdint>
#include <vector>

#include "train/lease_book.hpp"

namespace podium::train {

class Shift {
 public:
  // A lease has whole groups of `quantum` units, at most `most_quanta`, as far as there are such.
  Shift(size_t trainers, uint64_t quantum, uint64_t most_quanta);

  // Another piece of work. REQUIRES: the one before is over.
  void begin(const Lease& work);

  // What happened to a trainer.
  void up(int trainer);                   // its process has begun, and rests
  void joined(int trainer);               // the servers
  void done(int trainer, uint64_t unit);  // its next one
  void rests(int trainer);
  // Its process has ended; whether none will follow. Returns what it had not done.
  std::vector<Lease> gone(int trainer, bool for_good);

  // What is to be told now, in this order.
  struct Order {
    enum class What { join, lease, rest };
    int trainer = 0;
    What what = What::join;
    Lease lease = {};
  };
  std::vector<Order> orders();

  // Everything is done, and everybody who is there rests.
  bool over() const;
  // Nobody is there, and nobody will come.
  bool abandoned() const;

 private:
  enum class State { away, resting, joining, working, finishing, down };

  bool any(State state) const;
  uint64_t lease_units() const;
  void give(int trainer, std::vector<Order>& orders);

  std::vector<State> states_;  // by trainer
  uint64_t quantum_;
  uint64_t most_quanta_;
  LeaseBook book_;
  bool open_ = false;  // leases are given out: all who were there have joined
};

}  // namespace podium::train
