// The table of `bench allreduce`: bandwidths and ratios are those of the times. Nothing is timed.
#include "bench/allreduce_bench.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace podium::bench {
namespace {

// A sum of 1 MB by 4 ranks in 1 ms, where a copy takes 0.5 ms and MPI 2 ms.
AllReduceBench example() {
  AllReduceRow row;
  row.bytes = 1'000'000;
  row.count = 250'000;
  row.type = "float";
  row.algorithm = "ring";
  row.out_of_place_s = 2e-3;
  row.in_place_s = 1e-3;
  row.wrong_in_place = 3;
  row.mpi_s = 2e-3;
  row.mpi_algorithm = "segmented";
  row.mpi_default_s = 4e-3;
  AllReduceBench bench;
  bench.ranks = 4;
  bench.memcpy_bytes_per_s = 2e9;
  bench.rows = {row};
  return bench;
}

TEST(AllReduceBenchTest, ARowHasWhatTheTimesSay) {
  const nlohmann::ordered_json row = to_json(example())[0];
  EXPECT_DOUBLE_EQ(row["ours"], 1000);
  EXPECT_DOUBLE_EQ(row["theirs"], 2000);
  EXPECT_DOUBLE_EQ(row["ratio"], 2);
  EXPECT_DOUBLE_EQ(row["limit"], 500);
  EXPECT_DOUBLE_EQ(row["algbw_gb_per_s"], 1);
  EXPECT_DOUBLE_EQ(row["busbw_gb_per_s"], 1.5);
  EXPECT_EQ(row["wrong"], 3);
}

TEST(AllReduceBenchTest, TheTableHasALinePerRowAndEveryName) {
  const std::string text = to_text(example());
  EXPECT_EQ(std::ranges::count(text, '\n'), 4);
  for (const char* word : {"busbw", "#wrong", "segmented", "1000000", "2.00", "50%"}) {
    EXPECT_NE(text.find(word), std::string::npos) << word << " in\n" << text;
  }
}

}  // namespace
}  // namespace podium::bench
