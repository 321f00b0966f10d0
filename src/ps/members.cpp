#include "ps/members.hpp"

#include <algorithm>

#include "core/error.hpp"

namespace podium::ps {
namespace {

constexpr size_t words_per_member = 5;

bool before(const Member& member, uint32_t number) {
  return member.number < number;
}

}  // namespace

Member* Members::find(uint32_t number) {
  // Numbers mostly are 0, 1, 2, ...
  if (number < members_.size() && members_[number].number == number) return &members_[number];
  const auto at = std::lower_bound(members_.begin(), members_.end(), number, before);
  return at != members_.end() && at->number == number ? &*at : nullptr;
}

Member& Members::add(uint32_t number, uint32_t clock) {
  const auto at = std::lower_bound(members_.begin(), members_.end(), number, before);
  Member member;
  member.number = number;
  member.clock = clock;
  member.counts = true;
  return *members_.insert(at, member);
}

void Members::update() {
  counting_ = 0;
  uint32_t slowest = UINT32_MAX;
  for (const Member& member : members_) {
    fastest_ = std::max(fastest_, member.clock);
    if (!member.counts) continue;
    ++counting_;
    slowest = std::min(slowest, member.clock);
  }
  slowest_ = counting_ > 0 ? slowest : fastest_;
}

void Members::describe(std::vector<uint64_t>& words) const {
  words.push_back(members_.size());
  for (const Member& member : members_) {
    const uint64_t states =
        (member.greeted ? 1U : 0U) | (member.counts ? 2U : 0U) | (member.left ? 4U : 0U);
    words.insert(words.end(), {member.number, member.clock, member.sequence, member.view, states});
  }
}

void Members::restore(std::span<const uint64_t>& words) {
  if (words.empty() || words[0] > (words.size() - 1) / words_per_member) {
    throw data_error("the state of a range ends too early", "parameter servers",
                     "let all servers run the same version of podium");
  }
  members_.clear();
  const size_t count = words[0];
  words = words.subspan(1);
  for (size_t i = 0; i < count; ++i, words = words.subspan(words_per_member)) {
    Member& member = add(static_cast<uint32_t>(words[0]), static_cast<uint32_t>(words[1]));
    member.sequence = words[2];
    member.view = static_cast<uint32_t>(words[3]);
    member.greeted = (words[4] & 1) != 0;
    member.counts = (words[4] & 2) != 0;
    member.left = (words[4] & 4) != 0;
  }
  update();
}

}  // namespace podium::ps
