// The text of --roles, for instance "ps=2,controller=2,child=4", as a count for each role.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace podium {

// The roles of a verb that has its own.
struct RoleNames {
  std::span<const std::string_view> names;
  const char* verb;                     // "a search"
  const char* example;                  // "ps=2,controller=2,child=4"
  int most;                             // of any role
  std::string_view optional_role = {};  // of which there may be none
};

// By role; empty: not named. Throws usage_error that names the role at fault: an unknown name, a
// count below 1 (0 for the optional role) or above the most, the same role twice.
std::vector<std::optional<int>> parse_role_counts(std::string_view text, const RoleNames& roles);

// One entry of such a text.
struct RoleEntry {
  std::string_view name;
  std::string_view count;  // as it stands there; empty if there is none
  bool has_count = false;
};
std::vector<RoleEntry> split_roles(std::string_view text);

}  // namespace podium
