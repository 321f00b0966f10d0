#include "learn/layout.hpp"

#include <array>

#include "core/error.hpp"
#include "core/role_counts.hpp"

namespace podium::learn {
namespace {

constexpr std::array<std::string_view, 3> names = {"explorer", "buffer", "train"};
constexpr RoleNames roles = {names, "learning", "explorer=2,buffer=1,train=1", 4096, "explorer"};

std::string count_of(int number, const char* one) {
  return std::to_string(number) + " " + one + (number == 1 ? "" : "s");
}

}  // namespace

LearnLayout LearnLayout::plan(std::string_view text, int ranks) {
  const auto counts = parse_role_counts(text, roles);
  const int buffers = counts[1].value_or(1);
  const int trainers = counts[2].value_or(ranks);
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
  layout.explorers_ = counts[0].value_or(2);
  layout.trainers_ = trainers;
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
