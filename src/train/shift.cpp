#include "train/shift.hpp"

#include <algorithm>

#include "core/error.hpp"

namespace podium::train {
namespace {

constexpr size_t leases_at_once = 2;  // of a trainer: one that it works at, one that waits for it

}  // namespace

Shift::Shift(size_t trainers, uint64_t quantum, uint64_t most_quanta)
    : states_(trainers, State::away), quantum_(quantum), most_quanta_(most_quanta) {}

void Shift::begin(const Lease& work) {
  require(over(), "a shift begins when the one before is over", "Shift");
  book_ = LeaseBook(work);
  open_ = false;
}

void Shift::up(int trainer) {
  states_.at(static_cast<size_t>(trainer)) = State::resting;
}

void Shift::joined(int trainer) {
  states_.at(static_cast<size_t>(trainer)) = State::working;
}

void Shift::done(int trainer, uint64_t unit) {
  book_.done(trainer, unit);
}

void Shift::rests(int trainer) {
  states_.at(static_cast<size_t>(trainer)) = State::resting;
}

std::vector<Lease> Shift::gone(int trainer, bool for_good) {
  states_.at(static_cast<size_t>(trainer)) = for_good ? State::down : State::away;
  return book_.drop(trainer);
}

std::vector<Shift::Order> Shift::orders() {
  std::vector<Order> orders;
  for (size_t i = 0; i < states_.size() && book_.free() > 0; ++i) {
    if (states_[i] != State::resting) continue;
    states_[i] = State::joining;
    orders.push_back({static_cast<int>(i), Order::What::join});
  }
  open_ = open_ || (any(State::working) && !any(State::joining));
  if (!open_) return orders;
  // In turns, so that all have something before anybody has more.
  for (size_t turn = 0; turn < leases_at_once; ++turn) {
    for (size_t i = 0; i < states_.size(); ++i) {
      if (states_[i] == State::working && book_.leases_of(static_cast<int>(i)) <= turn) {
        give(static_cast<int>(i), orders);
      }
    }
  }
  // Whoever has no more to expect leaves the servers behind its last unit.
  for (size_t i = 0; i < states_.size() && book_.free() == 0; ++i) {
    if (states_[i] != State::working) continue;
    states_[i] = State::finishing;
    orders.push_back({static_cast<int>(i), Order::What::rest});
  }
  return orders;
}

void Shift::give(int trainer, std::vector<Order>& orders) {
  const std::optional<Lease> lease = book_.grant(trainer, lease_units());
  if (lease) orders.push_back({trainer, Order::What::lease, *lease});
}

uint64_t Shift::lease_units() const {
  const auto there = static_cast<uint64_t>(std::ranges::count_if(
      states_, [](State state) { return state != State::away && state != State::down; }));
  const uint64_t quanta = book_.free() / (leases_at_once * std::max<uint64_t>(1, there) * quantum_);
  return std::clamp<uint64_t>(quanta, 1, most_quanta_) * quantum_;
}

bool Shift::over() const {
  return book_.left() == 0 && !any(State::joining) && !any(State::working) &&
         !any(State::finishing);
}

bool Shift::abandoned() const {
  return std::ranges::all_of(states_, [](State state) { return state == State::down; });
}

bool Shift::any(State state) const {
  return std::ranges::count(states_, state) > 0;
}

}  // namespace podium::train
