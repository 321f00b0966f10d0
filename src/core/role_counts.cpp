#include "core/role_counts.hpp"

#include <algorithm>
#include <charconv>
#include <string>

#include "core/error.hpp"

namespace podium {
namespace {

int parse_count(const RoleEntry& entry, const RoleNames& roles) {
  const int least = entry.name == roles.optional_role ? 0 : 1;
  int count = 0;
  const char* last = entry.count.data() + entry.count.size();
  const auto [end, error] = std::from_chars(entry.count.data(), last, count);
  if (error == std::errc() && end == last && count >= least && count <= roles.most) {
    return count;
  }
  throw usage_error("role '" + std::string(entry.name) + "' needs a count from " +
                        std::to_string(least) + " to " + std::to_string(roles.most) + ", not '" +
                        std::string(entry.count) + "'",
                    "--roles", std::string("write for instance ") + roles.example);
}

// "ps, controller or child"
std::string list_of(std::span<const std::string_view> names) {
  std::string text;
  for (size_t i = 0; i < names.size(); ++i) {
    if (i > 0) text += i + 1 == names.size() ? " or " : ", ";
    text += names[i];
  }
  return text;
}

}  // namespace

std::vector<RoleEntry> split_roles(std::string_view text) {
  std::vector<RoleEntry> entries;
  for (bool more = !text.empty(); more;) {
    const size_t comma = text.find(',');
    const std::string_view entry = text.substr(0, comma);
    more = comma != std::string_view::npos;
    if (more) text.remove_prefix(comma + 1);
    const size_t equals = std::min(entry.find('='), entry.size());
    entries.push_back({entry.substr(0, equals), entry.substr(std::min(equals + 1, entry.size())),
                       equals < entry.size()});
  }
  return entries;
}

std::vector<std::optional<int>> parse_role_counts(std::string_view text, const RoleNames& roles) {
  std::vector<std::optional<int>> counts(roles.names.size());
  for (const RoleEntry& entry : split_roles(text)) {
    const auto role = std::ranges::find(roles.names, entry.name);
    if (role == roles.names.end()) {
      throw usage_error(std::string(roles.verb) + " has no role '" + std::string(entry.name) + "'",
                        "--roles", "use " + list_of(roles.names));
    }
    std::optional<int>& count = counts[static_cast<size_t>(role - roles.names.begin())];
    if (count) {
      throw usage_error("role '" + std::string(entry.name) + "' is named twice", "--roles",
                        "name it once");
    }
    count = parse_count(entry, roles);
  }
  return counts;
}

}  // namespace podium
