// Which server holds what: every value once, by size, tables between their rows, backups in a
// circle.
#include "ps/keys.hpp"

#include <gtest/gtest.h>

#include "core/error.hpp"

namespace podium::ps {
namespace {

KeyMap map_of(std::vector<NamedSize> buffers, int servers, int replicas = 0,
              size_t split_values = 1000) {
  GroupOptions options;
  options.servers = servers;
  options.replicas = replicas;
  options.split_values = split_values;
  return KeyMap(std::move(buffers), options);
}

TEST(Keys, EveryValueHasOneHome) {
  for (const int servers : {1, 2, 3, 7, 16}) {
    const KeyMap map = map_of({{"a", 5000}, {"b", 3}, {"c", 999}, {"d", 100000}}, servers);
    size_t next = 0;
    for (int s = 0; s < servers; ++s) {
      const Segment range = map.range_of(s);
      EXPECT_EQ(range.first, next);
      next += range.count;
    }
    EXPECT_EQ(next, map.values());
  }
}

TEST(Keys, LargeBuffersAreSplitEvenly) {
  const KeyMap map = map_of({{"large", 1 << 20}}, 4);
  for (int s = 0; s < 4; ++s) EXPECT_EQ(map.range_of(s).count, size_t{1} << 18);
}

TEST(Keys, SmallBuffersStayWhole) {
  const KeyMap map = map_of({{"a", 600}, {"b", 900}, {"c", 100}}, 2);
  EXPECT_EQ(map.range_of(0), (Segment{0, 600}));
  EXPECT_EQ(map.range_of(1), (Segment{600, 1000}));
}

TEST(Keys, RowsStayWhole) {
  const KeyMap map = map_of({{"bias", 5}, {"table", 7000, 7}}, 3);
  for (int s = 1; s < 3; ++s) EXPECT_EQ((map.range_of(s).first - 5) % 7, 0u);
}

TEST(Keys, MoreServersThanValuesLeavesSomeWithout) {
  const KeyMap map = map_of({{"one", 1}}, 3, 0, 0);
  size_t held = 0;
  for (int s = 0; s < 3; ++s) held += map.range_of(s).count;
  EXPECT_EQ(held, 1u);
}

TEST(Keys, PartsOfARange) {
  const KeyMap map = map_of({{"large", 4000}}, 2);
  EXPECT_EQ(map.part_of(0, 1000, 2000), (Segment{1000, 1000}));
  EXPECT_EQ(map.part_of(1, 1000, 2000), (Segment{2000, 1000}));
  EXPECT_EQ(map.part_of(1, 0, 2000).count, 0u);
}

TEST(Keys, BackupsAreTheNextInACircle) {
  const KeyMap map = map_of({{"large", 4000}}, 4, 2);
  EXPECT_TRUE(map.holds(3, 3));
  EXPECT_TRUE(map.holds(0, 3));
  EXPECT_TRUE(map.holds(1, 3));
  EXPECT_FALSE(map.holds(2, 3));
  EXPECT_EQ(map.serving(3, {true, true, true, true}), 3);
  EXPECT_EQ(map.serving(3, {true, true, true, false}), 0);
  EXPECT_EQ(map.serving(3, {false, true, true, false}), 1);
  EXPECT_EQ(map.serving(3, {false, false, true, false}), -1);
}

TEST(Keys, WhatCannotBeIsRefused) {
  EXPECT_THROW(map_of({{"a", 1}}, 0), Error);
  EXPECT_THROW(map_of({{"a", 1}}, 2, 2), Error);
  EXPECT_THROW(map_of({{"a", 1}}, 2, -1), Error);
  EXPECT_THROW(map_of({}, 1), Error);
  EXPECT_THROW(map_of({{"a", 1}}, 5000), Error);
}

}  // namespace
}  // namespace podium::ps
