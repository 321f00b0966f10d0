#include "core/warning_book.hpp"

#include <algorithm>
#include <iterator>

namespace podium {
namespace {

using namespace std::chrono_literals;

constexpr auto repeated = 30s;  // until a warning is told again

// "train" of rank 3's "rank 3 train", "" of its "rank 3".
std::string role_in(std::string_view speaker, int rank) {
  const std::string self = "rank " + std::to_string(rank);
  if (!speaker.starts_with(self)) return std::string(speaker);
  speaker.remove_prefix(self.size());
  if (speaker.starts_with(' ')) speaker.remove_prefix(1);
  return std::string(speaker);
}

}  // namespace

std::string ranges_of(const std::set<int>& numbers) {
  std::string text;
  for (auto first = numbers.begin(); first != numbers.end();) {
    auto last = first;
    while (std::next(last) != numbers.end() && *std::next(last) == *last + 1) ++last;
    if (!text.empty()) text += ",";
    text += std::to_string(*first);
    if (last != first) text += "-" + std::to_string(*last);
    first = std::next(last);
  }
  return text;
}

void WarningBook::add(int rank, std::string_view speaker, std::string_view text, Instant now) {
  auto found = std::ranges::find(entries_, text, &Entry::text);
  if (found == entries_.end()) {
    found = entries_.insert(entries_.end(), Entry{});
    found->text = text;
    found->due = now + moment_;
  }
  if (found->count == 0) found->first_speaker = speaker;
  found->ranks[role_in(speaker, rank)].insert(rank);
  ++found->count;
}

std::vector<GatheredWarning> WarningBook::take_due(Instant now) {
  std::vector<GatheredWarning> due;
  std::erase_if(entries_, [&](Entry& entry) {
    if (entry.due > now) return false;
    if (entry.count == 0) return true;
    due.push_back(told(entry));
    entry.due = now + repeated;
    return false;
  });
  return due;
}

std::vector<GatheredWarning> WarningBook::take_all() {
  std::vector<GatheredWarning> all;
  for (Entry& entry : entries_) {
    if (entry.count > 0) all.push_back(told(entry));
  }
  entries_.clear();
  return all;
}

// One voice keeps its name; of several the ranks are named by role.
GatheredWarning WarningBook::told(Entry& entry) {
  size_t voices = 0;
  for (const auto& [role, ranks] : entry.ranks) voices += ranks.size();
  std::string speaker;
  for (const auto& [role, ranks] : entry.ranks) {
    speaker += (speaker.empty() ? "ranks " : ", ") + ranges_of(ranks);
    if (!role.empty()) speaker += " " + role;
  }
  GatheredWarning warning{voices == 1 ? entry.first_speaker : speaker, entry.text};
  if (entry.count > 1) warning.text += " (" + std::to_string(entry.count) + " times)";
  entry.count = 0;
  entry.ranks.clear();
  return warning;
}

}  // namespace podium
