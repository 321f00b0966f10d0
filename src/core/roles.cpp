#include "core/roles.hpp"

#include <algorithm>
#include <charconv>
#include <numeric>

#include "core/error.hpp"
#include "core/role_counts.hpp"

namespace podium {
namespace {

using Counts = std::array<int, all_roles.size()>;  // 0: not named

Role parse_role(std::string_view name) {
  for (const Role role : all_roles) {
    if (name == to_string(role)) return role;
  }
  throw usage_error("unknown role '" + std::string(name) + "'", "--roles",
                    "use ingest, train, ckpt or serve");
}

int parse_count(std::string_view name, std::string_view digits, int world_size) {
  int count = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), count);
  if (error != std::errc() || end != digits.data() + digits.size() || count < 1) {
    throw usage_error("role '" + std::string(name) + "' needs a count of at least 1, not '" +
                          std::string(digits) + "'",
                      "--roles", "write for instance train=2");
  }
  if (count > world_size) {
    throw usage_error("role '" + std::string(name) + "' wants " + std::to_string(count) +
                          " ranks, the job has " + std::to_string(world_size),
                      "--roles", "ask for fewer or start more ranks");
  }
  return count;
}

Counts parse_counts(std::string_view text, int world_size) {
  Counts counts{};
  for (const auto& [name, digits, has_count] : split_roles(text)) {
    if (!has_count) {
      throw usage_error("role entry '" + std::string(name) + "' has no count", "--roles",
                        "write for instance train=2");
    }
    int& count = counts[static_cast<size_t>(parse_role(name))];
    if (count != 0) {
      throw usage_error("role '" + std::string(name) + "' is named twice", "--roles",
                        "name it once");
    }
    count = parse_count(name, digits, world_size);
  }
  return counts;
}

// Unset service roles: one rank, and one more for every sixteen ranks of the job. Unset trainers:
// what the others leave, but a small job gives trainers up to two ranks and lets the others share.
void choose_unset(Counts& counts, int world_size) {
  int services = 0;
  for (const Role role : {Role::ingest, Role::ckpt, Role::serve}) {
    int& count = counts[static_cast<size_t>(role)];
    if (count == 0) count = std::max(1, world_size / 16);
    services += count;
  }
  int& trainers = counts[static_cast<size_t>(Role::train)];
  if (trainers == 0) trainers = std::max(world_size - services, std::min(world_size, 2));
}

}  // namespace

const char* to_string(Role role) {
  switch (role) {
    case Role::ingest:
      return "ingest";
    case Role::train:
      return "train";
    case Role::ckpt:
      return "ckpt";
    case Role::serve:
      return "serve";
  }
  return "unknown";
}

RoleLayout RoleLayout::plan(std::string_view text, int world_size) {
  Counts counts = parse_counts(text, world_size);
  choose_unset(counts, world_size);
  const int trainers = counts[index(Role::train)];
  // Trainers follow the first ingest rank when some rank is left for the other roles.
  const int first_trainer = trainers < world_size ? 1 : 0;

  RoleLayout layout;
  layout.world_size_ = world_size;
  for (int i = 0; i < trainers; ++i) layout.ranks_[index(Role::train)].push_back(first_trainer + i);

  std::vector<int> others;  // the ranks that are dealt out to the other roles
  for (int rank = 0; rank < world_size; ++rank) {
    if (trainers == world_size || !layout.plays(rank, Role::train)) others.push_back(rank);
  }
  size_t next = 0;
  for (const Role role : {Role::ingest, Role::ckpt, Role::serve}) {
    std::vector<int>& ranks = layout.ranks_[index(role)];
    const size_t count = static_cast<size_t>(counts[index(role)]);
    if (count > others.size()) {  // more than the trainers leave: share with them
      ranks.resize(count);
      std::iota(ranks.begin(), ranks.end(), 0);
      continue;
    }
    for (size_t i = 0; i < count; ++i) ranks.push_back(others[next++ % others.size()]);
    std::ranges::sort(ranks);
  }
  return layout;
}

RoleLayout RoleLayout::all(Role role, int world_size) {
  RoleLayout layout;
  layout.world_size_ = world_size;
  layout.ranks_[index(role)].resize(static_cast<size_t>(world_size));
  std::iota(layout.ranks_[index(role)].begin(), layout.ranks_[index(role)].end(), 0);
  return layout;
}

bool RoleLayout::plays(int rank, Role role) const {
  return std::ranges::binary_search(ranks(role), rank);
}

std::vector<Role> RoleLayout::roles_of(int rank) const {
  std::vector<Role> roles;
  for (const Role role : all_roles) {
    if (plays(rank, role)) roles.push_back(role);
  }
  return roles;
}

std::string RoleLayout::describe() const {
  std::string text;
  for (const Role role : all_roles) {
    const std::vector<int>& list = ranks(role);
    if (list.empty()) continue;
    if (!text.empty()) text += " | ";
    text += std::string(to_string(role)) + ": ";
    for (size_t i = 0; i < list.size();) {
      size_t last = i;
      while (last + 1 < list.size() && list[last + 1] == list[last] + 1) ++last;
      if (i != 0) text += ",";
      text += std::to_string(list[i]);
      if (last != i) text += "-" + std::to_string(list[last]);
      i = last + 1;
    }
  }
  return text;
}

}  // namespace podium
