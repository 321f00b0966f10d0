// bench search: the test of significance against values from tables, tables on disk, and the proof
// on tables whose best networks are known.
#include "bench/search_bench.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "bench/rank_test.hpp"
#include "bench/search_table_maker.hpp"
#include "core/error.hpp"
#include "core/random.hpp"
#include "search/space.hpp"
#include "temporary_folder.hpp"

namespace podium::bench {
namespace {

TEST(RankTest, CountsArrangements) {
  // All of 3 above all of 3: one of C(6,3) = 20 arrangements.
  EXPECT_NEAR(chance_that_larger(std::vector<double>{4, 5, 6}, std::vector<double>{1, 2, 3}), 0.05,
              1e-12);
  // One pair exchanged: one of the two arrangements with 8 or 9 pairs.
  EXPECT_NEAR(chance_that_larger(std::vector<double>{3, 5, 6}, std::vector<double>{1, 2, 4}), 0.1,
              1e-12);
  EXPECT_NEAR(chance_that_larger(std::vector<double>{1, 2, 3}, std::vector<double>{4, 5, 6}), 1,
              1e-12);
  EXPECT_NEAR(chance_that_larger(std::vector<double>{2}, std::vector<double>{1, 3}), 2 / 3.0,
              1e-12);
  // Ties do not help.
  EXPECT_NEAR(chance_that_larger(std::vector<double>{1, 1}, std::vector<double>{1, 1}), 1, 1e-12);
}

// The largest U of 20 and 20 with a one-sided chance of at most 1 % is 114 of 400 (Mann & Whitney's
// tables).
TEST(RankTest, AgreesWithTheTables) {
  const auto chance_of = [](int pairs_lost) {
    std::vector<double> ours;
    std::vector<double> theirs;
    for (int i = 0; i < 20; ++i) theirs.push_back(i);
    for (int i = 0; i < 20; ++i) {
      const int lost = std::min(pairs_lost, 20);
      pairs_lost -= lost;
      ours.push_back(19.5 - lost + 0.001 * i);
    }
    return chance_that_larger(ours, theirs);
  };
  EXPECT_LE(chance_of(114), 0.01);
  EXPECT_GT(chance_of(115), 0.01);
}

// Accuracies of which each choice adds its share, with some noise between trainings.
SearchTable made_table(double share, double noise = 0.01) {
  SearchTable table;
  table.space = "repeat 4 { conv {4|8|16} 3 }; dense classes";
  table.setting = "{}";
  table.networks = 81;
  table.trainings = 3;
  const search::Space space = search::Space::parse(table.space);
  Random random(1);
  for (size_t network = 0; network < table.networks; ++network) {
    double accuracy = 0.6;
    for (const int choice : space.choices_of(network)) accuracy += share * choice;
    for (size_t training = 0; training < table.trainings; ++training) {
      table.accuracy.push_back(static_cast<float>(accuracy + noise * random.normal()));
    }
  }
  return table;
}

SearchBenchOptions quick() {
  SearchBenchOptions options;
  options.samples = 300;
  options.method.reinforce.controller.units = 12;
  options.method.reinforce.controller.layers = 1;
  return options;
}

TEST(SearchBench, ProvesThatTheControllerLearns) {
  const SearchBench bench = bench_search(made_table(0.03), quick());
  ASSERT_EQ(bench.contenders.size(), 5u);
  EXPECT_TRUE(bench.proved) << to_text(bench);
  const SearchContender& random = bench.contenders[0];
  const SearchContender& reinforce = bench.contenders[1];
  EXPECT_EQ(reinforce.what, "reinforce");
  EXPECT_LT(reinforce.chance, 1e-4);
  EXPECT_TRUE(bench.contenders[2].learns);  // evolution
  EXPECT_LT(reinforce.regret.front(), random.regret.front());
  EXPECT_GT(reinforce.reward_curve.back(), reinforce.reward_curve.front());
  EXPECT_LT(reinforce.entropy_curve.back(), reinforce.entropy_curve.front());
  EXPECT_NEAR(random.entropy_curve.back(), std::log(81), 1e-9);
  for (const SearchContender& each : bench.contenders) {
    EXPECT_EQ(each.tail.size(), 20u);
    for (const double rank : each.best_rank) EXPECT_GE(rank, 1);
  }
}

// Where all networks are alike nobody can learn, and the bench must say so.
TEST(SearchBench, ProvesNothingWhereThereIsNothingToLearn) {
  const SearchBench bench = bench_search(made_table(0, 0), quick());
  EXPECT_FALSE(bench.proved) << to_text(bench);
  EXPECT_FALSE(to_json(bench).dump().empty());
}

TEST(SearchBench, IsDeterministic) {
  SearchBenchOptions options = quick();
  options.seeds = 2;
  options.samples = 60;
  EXPECT_EQ(to_json(bench_search(made_table(0.03), options)),
            to_json(bench_search(made_table(0.03), options)));
}

TEST(SearchTable, ComesBackFromDisk) {
  const test::TemporaryFolder folder;
  const auto path = folder.path() / "table.h5";
  const SearchTable table = made_table(0.03);
  write_search_table(path, table);
  const SearchTable read = read_search_table(path);
  EXPECT_EQ(read.space, table.space);
  EXPECT_EQ(read.setting, table.setting);
  EXPECT_EQ(read.networks, table.networks);
  EXPECT_EQ(read.trainings, table.trainings);
  EXPECT_EQ(read.accuracy, table.accuracy);
}

TEST(SearchTable, RefusesDamagedAndUnfinishedOnes) {
  const test::TemporaryFolder folder;
  const auto path = folder.path() / "table.h5";
  SearchTable table = made_table(0.03);
  write_search_table(path, table);
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(1500);
    file.put('x');
  }
  EXPECT_THROW(read_search_table(path), Error);
  SearchTable short_one = table;
  short_one.space = "conv {4|8} 3; dense classes";
  write_search_table(path, short_one);
  EXPECT_THROW(read_search_table(path), Error);
  table.at(80, 2) = std::numeric_limits<float>::quiet_NaN();
  write_search_table(path, table);
  EXPECT_THROW(bench_search(read_search_table(path), quick()), Error);
}

}  // namespace
}  // namespace podium::bench
