// WarningBook: equal warnings of many ranks, told once with who said them and how often. Pure but
// for the times that its caller gives.
//
// A warning is held for a moment, in which other ranks may say the same. What is said again after
// it was told is counted, and told as one line each half a minute. Used by one thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.hpp"

namespace podium {

struct GatheredWarning {
  std::string speaker;  // "rank 3 train", "ranks 1-3 train", "ranks 1-2 train, 3 ckpt"
  std::string text;     // with "(3 times)" behind it when it was said more than once
};

class WarningBook {
 public:
  using Instant = SteadyClock::time_point;
  static constexpr std::chrono::milliseconds usual_moment{300};

  explicit WarningBook(std::chrono::milliseconds moment = usual_moment) : moment_(moment) {}

  // `speaker` as a log has it: "rank 3 train", "rank 3" or anything else.
  void add(int rank, std::string_view speaker, std::string_view text, Instant now);

  // Those that were held long enough, in the order in which they were first said.
  std::vector<GatheredWarning> take_due(Instant now);
  // All that were not told.
  std::vector<GatheredWarning> take_all();

 private:
  struct Entry {
    std::string text;
    std::string first_speaker;
    std::map<std::string, std::set<int>> ranks;  // by role
    uint64_t count = 0;                          // not yet told
    Instant due;                                 // to be told, or forgotten when there is nothing
  };
  static GatheredWarning told(Entry& entry);

  const std::chrono::milliseconds moment_;  // until a warning is told
  std::vector<Entry> entries_;
};

// "1-3,5" of {1, 2, 3, 5}.
std::string ranges_of(const std::set<int>& numbers);

}  // namespace podium
