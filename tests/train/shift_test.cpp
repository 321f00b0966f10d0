// Who does what part of an epoch, while trainers die and come back: simulated schedules, each from
// its seed, with trainers that wait for each other as the servers make them wait.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/random.hpp"
#include "train/lease_book.hpp"
#include "train/shift.hpp"

namespace podium::train {
namespace {

TEST(LeaseBook, GivesTheLowestFreeUnitsFirst) {
  LeaseBook book({10, 20});
  EXPECT_EQ(book.grant(0, 4), (Lease{10, 14}));
  EXPECT_EQ(book.grant(1, 4), (Lease{14, 18}));
  EXPECT_EQ(book.grant(0, 4), (Lease{18, 20}));
  EXPECT_FALSE(book.grant(1, 4));
  EXPECT_EQ(book.free(), 0U);
  EXPECT_EQ(book.left(), 10U);
  EXPECT_EQ(book.leases_of(0), 2U);
}

TEST(LeaseBook, HandsOnWhatAHolderHadNotDone) {
  LeaseBook book({0, 12});
  book.grant(0, 4);
  book.grant(1, 4);
  book.grant(0, 4);
  for (const uint64_t unit : {0, 1, 2}) book.done(0, unit);
  EXPECT_EQ(book.drop(0), (std::vector<Lease>{{3, 4}, {8, 12}}));
  EXPECT_EQ(book.free(), 5U);
  EXPECT_EQ(book.grant(2, 100), (Lease{3, 4}));
  EXPECT_EQ(book.grant(2, 100), (Lease{8, 12}));
  EXPECT_EQ(book.left(), 9U);
  EXPECT_TRUE(book.drop(7).empty()) << "of whom nothing is known";
}

TEST(LeaseBook, JoinsWhatIsFreeAgain) {
  LeaseBook book({0, 9});
  for (int holder = 0; holder < 3; ++holder) book.grant(holder, 3);
  book.drop(0);
  book.drop(2);
  book.drop(1);
  EXPECT_EQ(book.grant(3, 100), (Lease{0, 9}));
}

TEST(LeaseBook, KnowsWhoHasAUnit) {
  LeaseBook book({0, 4});
  book.grant(0, 2);
  EXPECT_THROW(book.done(1, 0), std::exception);
  EXPECT_THROW(book.done(0, 1), std::exception);
}

// A trainer as it behaves: it takes orders one after the other, and does its units. With `bsp` it
// is done with a unit only when all who have joined the servers have one, too, or have left.
struct SimulatedTrainer {
  bool lives = false;
  bool buried = false;
  bool member = false;  // the servers wait for it
  std::deque<Shift::Order> orders;
  std::optional<Lease> lease;

  bool has_unit() const { return lease.has_value(); }
};

// One shift after the other under a seed.
class Simulation {
 public:
  Simulation(uint64_t seed, bool bsp) : random_(seed), bsp_(bsp) {
    trainers_.resize(1 + random_.below(4));
    quantum_ = 1 + random_.below(4);
    shift_.emplace(trainers_.size(), quantum_, 1 + random_.below(8));
    death_in_ = random_.below(3) == 0 ? 0 : 5 + random_.below(60);
  }

  // What is wrong; empty: nothing.
  std::string run() {
    uint64_t next = 0;
    uint64_t turns = 0;
    for (int shift = 0; shift < 3; ++shift) {
      const Lease work{next, next + quantum_ * random_.below(60)};
      next = work.end;
      shift_->begin(work);
      for (int quiet = 0; !shift_->over();) {
        const bool moved = turn();
        quiet = moved ? 0 : quiet + 1;
        if (quiet > 1000) return "nothing moves";
        if (++turns > 1'000'000) return "no end";
        tell();
      }
      for (uint64_t unit = work.begin; unit < work.end; ++unit) {
        if (visits_[unit] == 0) return "unit " + std::to_string(unit) + " was never seen";
      }
    }
    uint64_t repeats = 0;
    for (const auto& [unit, times] : visits_) {
      if (unit >= next) return "a unit that was not asked for";
      repeats += times - 1;
    }
    if (repeats > deaths_) return "more was seen twice than trainers have died";
    for (const SimulatedTrainer& trainer : trainers_) {
      if (trainer.lives && trainer.member) return "one that rests is waited for";
    }
    return "";
  }

  uint64_t repeats() const {
    uint64_t sum = 0;
    for (const auto& visit : visits_) sum += visit.second - 1;
    return sum;
  }

 private:
  void tell() {
    for (const Shift::Order& order : shift_->orders()) {
      trainers_[static_cast<size_t>(order.trainer)].orders.push_back(order);
    }
  }

  // Something happens to some trainer. False if nothing can.
  bool turn() {
    const auto who = static_cast<int>(random_.below(trainers_.size()));
    SimulatedTrainer& trainer = trainers_[static_cast<size_t>(who)];
    if (trainer.buried) return false;
    if (!trainer.lives) {
      if (random_.below(4) > 0) return true;  // it takes a while
      trainer.lives = true;
      shift_->up(who);
      return true;
    }
    if (death_in_ > 0 && random_.below(death_in_) == 0) return die(who);
    if (trainer.has_unit()) return do_unit(who);
    if (trainer.orders.empty()) return false;
    const Shift::Order order = trainer.orders.front();
    trainer.orders.pop_front();
    switch (order.what) {
      case Shift::Order::What::join:
        trainer.member = true;
        shift_->joined(who);
        break;
      case Shift::Order::What::lease:
        trainer.lease = order.lease;
        break;
      case Shift::Order::What::rest:
        trainer.member = false;
        shift_->rests(who);
        break;
    }
    return true;
  }

  bool do_unit(int who) {
    SimulatedTrainer& trainer = trainers_[static_cast<size_t>(who)];
    const bool waits = bsp_ && std::ranges::any_of(trainers_, [](const SimulatedTrainer& other) {
                         return other.lives && other.member && !other.has_unit();
                       });
    if (waits) return false;
    const uint64_t unit = trainer.lease->begin;
    ++visits_[unit];
    if (++trainer.lease->begin == trainer.lease->end) trainer.lease.reset();
    shift_->done(who, unit);
    return true;
  }

  // In the middle of a unit, of which the servers may have all.
  bool die(int who) {
    SimulatedTrainer& trainer = trainers_[static_cast<size_t>(who)];
    ++deaths_;
    if (trainer.has_unit() && random_.below(2) == 0) ++visits_[trainer.lease->begin];
    trainer = {};
    trainer.buried = who > 0 && random_.below(5) == 0;  // the first one always comes back
    shift_->gone(who, trainer.buried);
    return true;
  }

  Random random_;
  bool bsp_;
  uint64_t quantum_ = 1;
  uint64_t death_in_ = 0;
  std::optional<Shift> shift_;
  std::vector<SimulatedTrainer> trainers_;
  std::map<uint64_t, uint64_t> visits_;
  uint64_t deaths_ = 0;
};

TEST(Shift, EveryUnitIsSeenAndFewTwiceWhoeverDies) {
  uint64_t repeats = 0;
  for (uint64_t seed = 0; seed < 4000; ++seed) {
    Simulation simulation(seed, seed % 2 == 0);
    ASSERT_EQ(simulation.run(), "") << "seed " << seed;
    repeats += simulation.repeats();
  }
  EXPECT_GT(repeats, 1000U) << "or nothing was tried";
}

std::vector<int> told(const std::vector<Shift::Order>& orders, Shift::Order::What what) {
  std::vector<int> trainers;
  for (const Shift::Order& order : orders) {
    if (order.what == what) trainers.push_back(order.trainer);
  }
  return trainers;
}

TEST(Shift, AllJoinBeforeAnybodyBegins) {
  using enum Shift::Order::What;
  Shift shift(2, 2, 4);
  shift.begin({0, 40});
  shift.up(0);
  shift.up(1);
  EXPECT_EQ(told(shift.orders(), join), (std::vector<int>{0, 1}));
  shift.joined(0);
  EXPECT_TRUE(shift.orders().empty());
  shift.joined(1);
  const std::vector<Shift::Order> orders = shift.orders();
  EXPECT_EQ(told(orders, lease), (std::vector<int>{0, 1, 0, 1}));
  EXPECT_EQ(orders[0].lease, (Lease{0, 8})) << "at most four quanta";
}

TEST(Shift, TheDeadAreNotWaitedForAndTheirLeaseIsHandedOn) {
  using enum Shift::Order::What;
  Shift shift(2, 1, 1);
  shift.begin({0, 2});
  shift.up(0);
  shift.up(1);
  shift.orders();
  shift.joined(0);
  shift.joined(1);
  EXPECT_EQ(shift.orders().size(), 4U) << "a lease for each, and then rest";
  shift.done(0, 0);
  shift.rests(0);
  EXPECT_FALSE(shift.over());
  EXPECT_EQ(shift.gone(1, true), (std::vector<Lease>{{1, 2}}));
  EXPECT_EQ(told(shift.orders(), join), (std::vector<int>{0}));
  shift.joined(0);
  EXPECT_EQ(told(shift.orders(), lease), (std::vector<int>{0}));
  shift.done(0, 1);
  shift.rests(0);
  EXPECT_TRUE(shift.over());
  EXPECT_FALSE(shift.abandoned());
  shift.gone(0, true);
  EXPECT_TRUE(shift.abandoned());
}

TEST(Shift, LeasesShrinkTowardsTheEnd) {
  Shift shift(1, 1, 1000);
  shift.begin({0, 100});
  shift.up(0);
  shift.orders();
  shift.joined(0);
  std::vector<uint64_t> sizes;
  uint64_t next = 0;
  while (!shift.over()) {
    for (const Shift::Order& order : shift.orders()) {
      if (order.what == Shift::Order::What::lease) sizes.push_back(order.lease.units());
      if (order.what == Shift::Order::What::rest) {
        while (next < 100) shift.done(0, next++);
        shift.rests(0);
      }
    }
    if (next < 100) shift.done(0, next++);
  }
  EXPECT_EQ(sizes.front(), 50U);
  EXPECT_EQ(sizes.back(), 1U);
  EXPECT_TRUE(std::ranges::is_sorted(sizes, std::greater<>()));
}

}  // namespace
}  // namespace podium::train
