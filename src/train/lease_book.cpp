#include "train/lease_book.hpp"

#include <algorithm>
#include <iterator>

#include "core/error.hpp"

namespace podium::train {

LeaseBook::LeaseBook(const Lease& work) : left_(work.units()) {
  if (left_ > 0) release(work);
}

std::optional<Lease> LeaseBook::grant(int holder, uint64_t most) {
  if (free_.empty() || most == 0) return {};
  const auto [begin, end] = *free_.begin();
  const Lease lease{begin, std::min(end, begin + most)};
  free_.erase(free_.begin());
  if (lease.end < end) free_[lease.end] = end;
  free_units_ -= lease.units();
  held_[holder].push_back(lease);
  return lease;
}

void LeaseBook::done(int holder, uint64_t unit) {
  std::deque<Lease>& leases = held_[holder];
  require(!leases.empty() && leases.front().begin == unit, "a unit is done by who has it, in order",
          "LeaseBook");
  if (++leases.front().begin == leases.front().end) leases.pop_front();
  --left_;
}

std::vector<Lease> LeaseBook::drop(int holder) {
  const std::deque<Lease> held = std::move(held_[holder]);
  held_.erase(holder);
  for (const Lease& lease : held) release(lease);
  return {held.begin(), held.end()};
}

size_t LeaseBook::leases_of(int holder) const {
  const auto found = held_.find(holder);
  return found == held_.end() ? 0 : found->second.size();
}

// Joined to its neighbours, so that it can be granted in one piece.
void LeaseBook::release(Lease lease) {
  free_units_ += lease.units();
  const auto after = free_.find(lease.end);
  if (after != free_.end()) {
    lease.end = after->second;
    free_.erase(after);
  }
  const auto next = free_.lower_bound(lease.begin);
  if (next != free_.begin() && std::prev(next)->second == lease.begin) {
    std::prev(next)->second = lease.end;
  } else {
    free_[lease.begin] = lease.end;
  }
}

}  // namespace podium::train
