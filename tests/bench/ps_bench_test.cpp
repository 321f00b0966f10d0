// The table of `bench ps`: ratios and shares are those of the figures. Nothing is timed.
#include "bench/ps_bench.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace podium::bench {
namespace {

PsBench example() {
  PsBench bench;
  bench.peer = "somebody";
  bench.rows = {
      {"tcp", {"push", 4, 1, false}, {2e5, 20, 40, 9}, 0.1, PsFigures{1e5, 40, 90, 20}, 0},
      {"shared memory", {"push_pull", size_t{1} << 20, 8, false}, {4e9, 1, 2, 0.5}, 0.2, {}, 8e9},
      {"tcp", {"pull", 400'000, 1, true}, {1e9, 400, 500, 1}, 0.1, {}, 8e9}};
  return bench;
}

TEST(PsBench, ARowHasWhatTheFiguresSay) {
  const nlohmann::ordered_json rows = to_json(example());
  EXPECT_EQ(rows[0]["what"], "push of 4 B, 1 in flight, tcp");
  EXPECT_DOUBLE_EQ(rows[0]["ratio"], 2);
  EXPECT_DOUBLE_EQ(rows[0]["theirs_p50_us"], 40);
  EXPECT_DOUBLE_EQ(rows[1]["ours"], 4);
  EXPECT_DOUBLE_EQ(rows[1]["limit"], 8);
  EXPECT_FALSE(rows[1].contains("theirs"));
  EXPECT_EQ(rows[2]["operation"], "sparse pull");
}

TEST(PsBench, BothWaysCount) {
  EXPECT_DOUBLE_EQ(example().rows[1].work.moved_bytes(), 2 << 20);
  EXPECT_DOUBLE_EQ(example().rows[2].work.moved_bytes(), 400'000);
}

TEST(PsBench, TheTableHasALinePerRow) {
  const std::string text = to_text(example());
  EXPECT_EQ(std::ranges::count(text, '\n'), 5);
  for (const char* word : {"somebody", "shared memory", "1 MiB", "50.0%", "sparse pull", "2.00"}) {
    EXPECT_NE(text.find(word), std::string::npos) << word << " in\n" << text;
  }
}

}  // namespace
}  // namespace podium::bench
