// The one owner template: closes exactly once, moves, releases, resets.
#include "core/handle.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace podium {
namespace {

std::vector<int> closed;

struct CountingTraits {
  using Value = int;
  static Value null() noexcept { return 0; }
  static void close(Value value) noexcept { closed.push_back(value); }
};
using Counting = Handle<CountingTraits>;

TEST(Handle, ClosesOnceAtTheEndOfItsLife) {
  closed.clear();
  { const Counting handle(7); }
  EXPECT_EQ(closed, std::vector<int>{7});
}

TEST(Handle, MovingLeavesNothingBehind) {
  closed.clear();
  {
    Counting from(1);
    Counting to(std::move(from));
    EXPECT_FALSE(from);
    Counting target(2);
    target = std::move(to);
    EXPECT_EQ(closed, std::vector<int>{2});
    EXPECT_EQ(target.get(), 1);
  }
  EXPECT_EQ(closed, (std::vector<int>{2, 1}));
}

TEST(Handle, ReleaseGivesUpOwnership) {
  closed.clear();
  {
    Counting handle(3);
    EXPECT_EQ(handle.release(), 3);
  }
  EXPECT_TRUE(closed.empty());
}

TEST(Handle, SelfMoveKeepsTheValue) {
  closed.clear();
  Counting handle(4);
  Counting& alias = handle;
  handle = std::move(alias);
  EXPECT_EQ(handle.get(), 4);
  EXPECT_TRUE(closed.empty());
}

}  // namespace
}  // namespace podium
