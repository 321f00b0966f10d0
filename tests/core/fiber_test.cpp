// A fiber goes on where it left, ends, begins anew, and hands on what it throws.
#include "core/fiber.hpp"

#include <gtest/gtest.h>

#include <array>
#include <optional>
#include <thread>
#include <vector>

#include "core/error.hpp"

namespace podium {
namespace {

TEST(Fiber, GoesOnWhereItLeft) {
  std::vector<int> seen;
  std::optional<Fiber> fiber;
  fiber.emplace([&] {
    for (int i = 0; i < 3; ++i) {
      seen.push_back(i);
      fiber->leave();
    }
  });
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(fiber->resume());
    seen.push_back(10 + i);
  }
  EXPECT_TRUE(fiber->resume());
  EXPECT_TRUE(fiber->resume()) << "it has ended before";
  EXPECT_EQ(seen, (std::vector<int>{0, 10, 1, 11, 2, 12}));
}

TEST(Fiber, BeginsAnewOnlyWhenItHasEnded) {
  int begun = 0;
  std::optional<Fiber> fiber;
  fiber.emplace([&] {
    ++begun;
    fiber->leave();
  });
  for (int round = 1; round <= 100; ++round) {
    EXPECT_FALSE(fiber->resume());
    EXPECT_EQ(begun, round);
    EXPECT_THROW(fiber->restart(), Error);
    EXPECT_TRUE(fiber->resume());
    fiber->restart();
  }
}

TEST(Fiber, HandsOnWhatItsBodyThrows) {
  std::optional<Fiber> fiber;
  fiber.emplace([&] {
    try {
      throw internal_error("caught inside", "fiber");
    } catch (const Error&) {
    }
    fiber->leave();
    throw internal_error("thrown out", "fiber");
  });
  EXPECT_FALSE(fiber->resume());
  EXPECT_THROW(fiber->resume(), Error);
  EXPECT_TRUE(fiber->resume());
}

TEST(Fiber, EachThreadHasItsOwn) {
  std::vector<std::thread> threads;
  std::array<int, 4> sums{};
  for (int& sum : sums) {
    threads.emplace_back([&sum] {
      std::optional<Fiber> fiber;
      fiber.emplace([&] {
        for (int i = 0; i < 1000; ++i) {
          sum += i;
          fiber->leave();
        }
      });
      while (!fiber->resume()) {
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const int sum : sums) EXPECT_EQ(sum, 499'500);
}

// Its stack ends with it: what has begun and never ended is let go.
TEST(Fiber, MayEndUnderWay) {
  std::optional<Fiber> fiber;
  fiber.emplace([&] { fiber->leave(); });
  EXPECT_FALSE(fiber->resume());
}

}  // namespace
}  // namespace podium
