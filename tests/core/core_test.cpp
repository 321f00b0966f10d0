// Errors, hashes, random numbers, JSON lines and signals: the small parts of floor 0.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/hash.hpp"
#include "core/json_lines.hpp"
#include "core/random.hpp"
#include "core/signals.hpp"
#include "core/text.hpp"
#include "temporary_folder.hpp"

namespace podium {
namespace {

TEST(Error, IsOneLineOfWhatWhereAndRemedy) {
  const Error error = data_error("wrong magic", "a.gz, offset 0", "fetch it again");
  EXPECT_STREQ(error.what(), "wrong magic (a.gz, offset 0); fetch it again");
  EXPECT_EQ(error.code(), ExitCode::bad_data);
}

TEST(Error, AFullDiskTellsWhatToDo) {
  const Error error = io_error("cannot write", "/x/y", ENOSPC);
  EXPECT_EQ(error.code(), ExitCode::io);
  EXPECT_NE(std::string(error.what()).find("free some space"), std::string::npos);
}

// XXH3_64bits of the empty input and of "abc", from the reference implementation's own xxhsum.
TEST(Hash, AgreesWithTheReference) {
  EXPECT_EQ(to_hex(xxh3({})), "2d06800538d394c2");
  const std::string abc = "abc";
  EXPECT_EQ(to_hex(xxh3(std::as_bytes(std::span(abc)))), "78af5f94892f3950");
}

TEST(Hash, AStreamEqualsTheWhole) {
  const std::string text(100'000, 'q');
  const auto bytes = std::as_bytes(std::span(text));
  Xxh3Stream stream;
  stream.update(bytes.first(33'333));
  stream.update(bytes.subspan(33'333));
  EXPECT_EQ(stream.digest(), xxh3(bytes));
}

// From and to all places in a line, with tails of all lengths.
TEST(Hash, ACopyIsExactAndOfWhatWasHashed) {
  std::vector<std::byte> from(5'000);
  for (size_t i = 0; i < from.size(); ++i) from[i] = static_cast<std::byte>(i * 7 + i / 256);
  Xxh3Stream stream;
  for (size_t i = 0; i < 200; ++i) {
    const std::span<const std::byte> part =
        std::span(std::as_const(from)).subspan(i, i * i % 4'700 + (i > 100 ? 63 : 0));
    std::vector<std::byte> to(part.size() + 130, std::byte{0xEE});
    const size_t place = i % 65;
    stream.reset();
    stream.update(part.first(part.size() / 3));
    stream.copy(part.subspan(part.size() / 3), to.data() + place);
    EXPECT_EQ(stream.digest(), xxh3(part)) << i;
    const size_t copied = part.size() - part.size() / 3;
    EXPECT_TRUE(
        std::ranges::equal(part.subspan(part.size() / 3), std::span(to).subspan(place, copied)))
        << i;
    const auto is_old = [](std::byte value) { return value == std::byte{0xEE}; };
    EXPECT_TRUE(std::ranges::all_of(std::span(to).first(place), is_old)) << i;
    EXPECT_TRUE(std::ranges::all_of(std::span(to).subspan(place + copied), is_old)) << i;
  }
}

TEST(Random, DependsOnEveryKeyAndIsUniform) {
  EXPECT_NE(Random(1, 2, 3).next(), Random(1, 3, 2).next());
  EXPECT_EQ(Random(1, 2, 3).next(), Random(1, 2, 3).next());
  Random random(42);
  double sum = 0;
  double squares = 0;
  std::array<int, 10> counts{};
  for (int i = 0; i < 100'000; ++i) {
    const double z = random.normal();
    sum += z;
    squares += z * z;
    ++counts.at(random.below(10));
  }
  EXPECT_NEAR(sum / 1e5, 0.0, 0.02);
  EXPECT_NEAR(squares / 1e5, 1.0, 0.03);
  for (const int count : counts) EXPECT_NEAR(count, 10'000, 500);
}

TEST(Text, FormatsAnyLength) {
  EXPECT_EQ(format("%s %03d %.2f", "a", 7, 1.5), "a 007 1.50");
  const std::string longer(5000, 'x');
  EXPECT_EQ(format("<%s>", longer.c_str()), "<" + longer + ">");
}

TEST(Text, SuggestsTheNearestWord) {
  const std::vector<std::string> known = {"dense", "conv", "relu"};
  EXPECT_EQ(nearest_word("cnv", known), "conv");
  EXPECT_EQ(nearest_word("densee", known), "dense");
  EXPECT_EQ(nearest_word("", known), "conv") << "the first of the shortest";
}

TEST(JsonLines, LinesOfManyThreadsStayWhole) {
  const test::TemporaryFolder folder;
  const auto path = folder.path() / "metrics.jsonl";
  {
    JsonLines lines(path, Log());
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&lines, t] {
        for (int i = 0; i < 250; ++i) lines.write({{"thread", t}, {"i", i}});
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  std::ifstream file(path);
  int count = 0;
  for (std::string line; std::getline(file, line); ++count) {
    EXPECT_TRUE(nlohmann::json::parse(line).contains("thread"));
  }
  EXPECT_EQ(count, 1000);
}

TEST(JsonLines, AFullDiskEndsTheLinesWithOneWarning) {
  if (::access("/dev/full", W_OK) != 0) GTEST_SKIP() << "no /dev/full on this system";
  JsonLines lines("/dev/full", Log(LogLevel::warning, "test"));
  testing::internal::CaptureStderr();
  for (int i = 0; i < 3; ++i) lines.write({{"a", i}});
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::ranges::count(log, '\n'), 1) << log;
  EXPECT_NE(log.find("/dev/full"), std::string::npos) << log;
}

TEST(Signals, ArriveOnAnOrdinaryThread) {
  block_signals({SIGUSR2});
  std::atomic<int> seen{0};
  const SignalWatch watch({SIGUSR2}, [&](int number) { seen = number; });
  ::kill(::getpid(), SIGUSR2);
  const Deadline deadline(std::chrono::seconds(10));
  Backoff backoff(Backoff::Kind::idle);
  while (seen == 0 && !deadline.expired()) backoff.pause();
  EXPECT_EQ(seen, SIGUSR2);
}

TEST(Backoff, AnIdleWaitUsesLittleCpu) {
  rusage before{};
  rusage after{};
  getrusage(RUSAGE_THREAD, &before);
  Backoff backoff(Backoff::Kind::idle);
  const Stopwatch watch;
  while (watch.seconds() < 0.5) backoff.pause();
  getrusage(RUSAGE_THREAD, &after);
  const auto cpu_s = [](const rusage& usage) {
    return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
  };
  EXPECT_LT(cpu_s(after) - cpu_s(before), 0.1) << "half a second of waiting";
}

}  // namespace
}  // namespace podium
