// Warnings of real ranks.
#include <gtest/gtest.h>

#include <algorithm>
#include <mutex>
#include <thread>
#include <vector>

#include "comm/barrier.hpp"
#include "comm/rank_lines.hpp"
#include "mpi_test_main.hpp"

namespace podium {
namespace {

using test::environment;

class Ears : public LogSink {
 public:
  void line(LogLevel, std::string_view speaker, std::string_view text) override {
    const std::lock_guard lock(mutex_);
    heard_.push_back("[" + std::string(speaker) + "] " + std::string(text));
  }
  std::vector<std::string> heard() {
    const std::lock_guard lock(mutex_);
    return heard_;
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> heard_;
};

TEST(RankLinesMpi, EqualWarningsOfAllRanksAreOneLine) {
  const int rank = environment->rank();
  const int size = environment->size();
  const auto ears = std::make_shared<Ears>();
  comm::RankLines lines(environment->world("log"), ears, LogLevel::info, false,
                        std::chrono::minutes(10));
  const std::unique_ptr<comm::Communicator> group = environment->world("group");
  const std::string self = "rank " + std::to_string(rank) + " train";
  comm::barrier(*group);
  if (rank > 0) lines.line(LogLevel::warning, self, "slow disk");
  if (rank == size - 1) {
    std::thread role([&] { lines.line(LogLevel::warning, self, "of one thread"); });
    role.join();
  }
  comm::barrier(*group);
  lines.end();
  if (rank > 0) {
    EXPECT_TRUE(ears->heard().empty());
    return;
  }
  const std::vector<std::string> heard = ears->heard();
  EXPECT_EQ(std::ranges::count(heard, "[ranks 1-3 train] slow disk (3 times)"), 1);
  EXPECT_EQ(std::ranges::count(heard, "[rank 3 train] of one thread"), 1);
  EXPECT_EQ(heard.size(), 2U);
}

}  // namespace
}  // namespace podium
