#include "learn/layout.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "core/error.hpp"

namespace podium::learn {
namespace {

constexpr std::array<std::string_view, 3> roles = {"explorer", "buffer", "train"};
using Counts = std::array<int, roles.size()>;  // 0: not named

constexpr int most_explorers = 4096;

int parse_count(std::string_view name, std::string_view digits) {
  int count = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), count);
  if (error == std::errc() && end == digits.data() + digits.size() && count >= 1 &&
      count <= most_explorers) {
    return count;
  }
  throw usage_error("role '" + std::string(name) + "' needs a count from 1 to " +
                        std::to_string(most_explorers) + ", not '" + std::string(digits) + "'",
                    "--roles", "write for instance explorer=2,buffer=1,train=1");
}

Counts parse(std::string_view text) {
  Counts counts{};
  for (bool more = !text.empty(); more;) {
    const size_t comma = text.find(',');
    const std::string_view entry = text.substr(0, comma);
    more = comma != std::string_view::npos;
    if (more) text.remove_prefix(comma + 1);
    const size_t equals = std::min(entry.find('='), entry.size());
    const std::string_view name = entry.substr(0, equals);
    const auto role = std::ranges::find(roles, name);
    if (role == roles.end()) {
      throw usage_error("learning has no role '" + std::string(name) + "'", "--roles",
                        "use explorer, buffer or train");
    }
    int& count = counts[static_cast<size_t>(role - roles.begin())];
    if (count != 0) {
      throw usage_error("role '" + std::string(name) + "' is named twice", "--roles",
                        "name it once");
    }
    count = parse_count(name, entry.substr(std::min(equals + 1, entry.size())));
  }
  return counts;
}

std::string count_of(int number, const char* one) {
  return std::to_string(number) + " " + one + (number == 1 ? "" : "s");
}

}  // namespace

LearnLayout LearnLayout::plan(std::string_view text, int ranks) {
  const auto [explorers, buffers, trainers] = parse(text);
  if (buffers > 1) {
    throw usage_error("buffer=" + std::to_string(buffers) + ": there is one buffer", "--roles",
                      "leave it out, or write buffer=1");
  }
  if (trainers > ranks) {
    throw usage_error("train=" + std::to_string(trainers) + " on " + count_of(ranks, "rank"),
                      "--roles",
                      "start more ranks, for instance by scripts/mpirun.sh -n " +
                          std::to_string(trainers) + ", or ask for fewer trainers");
  }
  LearnLayout layout;
  layout.ranks_ = ranks;
  layout.explorers_ = explorers > 0 ? explorers : 2;
  layout.trainers_ = trainers > 0 ? trainers : ranks;
  return layout;
}

std::vector<int> LearnLayout::explorers_of(int rank) const {
  std::vector<int> mine;
  for (int explorer = rank; explorer < explorers_; explorer += ranks_) mine.push_back(explorer);
  return mine;
}

std::string LearnLayout::describe() const {
  return count_of(explorers_, "explorer") + " | 1 buffer | " + count_of(trainers_, "trainer");
}

}  // namespace podium::learn
