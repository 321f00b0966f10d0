// What ranks say comes to rank 0, equal warnings once, and nothing of it is lost.
#include "comm/rank_lines.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>
#include <vector>

#include "comm/inproc/inproc_world.hpp"

namespace podium::comm {
namespace {

// Nothing is told before the end, however slow a rank is.
constexpr std::chrono::minutes long_moment(10);

// What arrives at the end of a rank's sinks.
class Ears : public LogSink {
 public:
  void line(LogLevel level, std::string_view speaker, std::string_view text) override {
    const std::lock_guard lock(mutex_);
    heard_.push_back(std::to_string(static_cast<int>(level)) + " [" + std::string(speaker) + "] " +
                     std::string(text));
  }
  std::vector<std::string> heard() {
    const std::lock_guard lock(mutex_);
    return heard_;
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> heard_;
};

// Runs `speak` on each rank, with its sink, to a normal end. Returns what each rank's ears heard.
template <typename Speak>
std::vector<std::vector<std::string>> conversation(int ranks, LogLevel shown, bool all,
                                                   Speak speak) {
  InprocWorld world(ranks);
  std::vector<std::shared_ptr<Ears>> ears;
  std::vector<std::thread> threads;
  for (int rank = 0; rank < ranks; ++rank) ears.push_back(std::make_shared<Ears>());
  for (int rank = 0; rank < ranks; ++rank) {
    threads.emplace_back([&, rank] {
      RankLines lines(world.communicator(rank), ears[static_cast<size_t>(rank)], shown,
                      all && rank == 0, long_moment);
      speak(rank, lines);
      lines.end();
      lines.line(LogLevel::warning, "", "afterwards");
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<std::vector<std::string>> heard;
  for (const auto& one : ears) heard.push_back(one->heard());
  return heard;
}

std::string name(int rank) {
  return "rank " + std::to_string(rank) + " train";
}

TEST(RankLines, EqualWarningsAreOneLineOnRank0) {
  const auto heard = conversation(4, LogLevel::info, false, [](int rank, RankLines& lines) {
    if (rank > 0) lines.line(LogLevel::warning, name(rank), "slow disk");
    if (rank == 2) lines.line(LogLevel::warning, name(rank), "of rank 2 alone");
    lines.line(LogLevel::info, name(rank), "begins");
  });
  EXPECT_EQ(std::ranges::count(heard[0], "1 [ranks 1-3 train] slow disk (3 times)"), 1);
  EXPECT_EQ(std::ranges::count(heard[0], "1 [rank 2 train] of rank 2 alone"), 1);
  EXPECT_EQ(heard[0].size(), 4U) << "and its own line, and the one afterwards";
  EXPECT_EQ(heard[3], (std::vector<std::string>{"2 [rank 3 train] begins", "1 [] afterwards"}));
}

TEST(RankLines, NothingIsLostAtTheEnd) {
  const auto heard = conversation(3, LogLevel::info, false, [](int rank, RankLines& lines) {
    for (int i = 0; i < 500; ++i) lines.line(LogLevel::warning, name(rank), std::to_string(i));
  });
  for (int i = 0; i < 500; ++i) {
    const std::string text = "1 [ranks 0-2 train] " + std::to_string(i) + " (3 times)";
    EXPECT_EQ(std::ranges::count(heard[0], text), 1) << text;
  }
}

TEST(RankLines, AllComeToRank0WhereItDraws) {
  const auto heard = conversation(2, LogLevel::info, true, [](int rank, RankLines& lines) {
    if (rank == 1) lines.line(LogLevel::info, name(rank), "begins");
  });
  EXPECT_EQ(std::ranges::count(heard[0], "2 [rank 1 train] begins"), 1);
  EXPECT_EQ(heard[1], std::vector<std::string>{"1 [] afterwards"});
}

TEST(RankLines, WhatIsNotShownIsNotSent) {
  const auto heard = conversation(2, LogLevel::error, true, [](int rank, RankLines& lines) {
    if (rank == 1) lines.line(LogLevel::warning, name(rank), "w");
    if (rank == 1) lines.line(LogLevel::error, name(rank), "e");
  });
  EXPECT_EQ(std::ranges::count(heard[0], "0 [rank 1 train] e"), 1);
  EXPECT_EQ(std::ranges::count(heard[1], "1 [rank 1 train] w"), 1) << "its own sink decides";
}

TEST(RankLines, ARankThatFailsSaysWhatMayNotHaveBeenTold) {
  InprocWorld world(2);
  const auto ears = std::make_shared<Ears>();
  std::thread other([&] {
    const RankLines lines(world.communicator(0), std::make_shared<Ears>(), LogLevel::info, false);
  });
  {
    RankLines lines(world.communicator(1), ears, LogLevel::info, false);
    lines.line(LogLevel::warning, "rank 1", "the disk is slow");
    lines.last_words();
  }
  other.join();
  EXPECT_EQ(ears->heard(), std::vector<std::string>{"1 [rank 1] the disk is slow"});
}

}  // namespace
}  // namespace podium::comm
