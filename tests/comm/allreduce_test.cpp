// The algorithms of AllReduce between ranks that are threads, and what they do when ranks disagree
// or stay away; and the model by which `auto` chooses.
#include "comm/allreduce/allreduce.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <fstream>
#include <functional>
#include <sstream>
#include <thread>

#include "comm/allreduce/calibration.hpp"
#include "comm/allreduce_checks.hpp"
#include "comm/thread_ranks.hpp"
#include "core/error.hpp"
#include "temporary_folder.hpp"

namespace podium::comm {
namespace {

using test::expect_no_errors;

constexpr std::array portable = {Algorithm::automatic, Algorithm::ring, Algorithm::halving,
                                 Algorithm::tree, Algorithm::hierarchical};

AllReduceOptions by(Algorithm algorithm) {
  AllReduceOptions options;
  options.algorithm = algorithm;
  return options;
}

class AllReduceOnThreads : public testing::TestWithParam<std::tuple<Algorithm, int>> {};

TEST_P(AllReduceOnThreads, SumsAreExactAndBitsAgree) {
  const auto [algorithm, ranks] = GetParam();
  expect_no_errors(test::on_thread_ranks(ranks, [algorithm = algorithm](Communicator& group) {
    test::check_algorithm(group, algorithm);
  }));
}

// Shared memory inside, rings of nodes for the slices: nodes of one size, and of two.
class AllReduceOverNodes : public testing::TestWithParam<int> {};

TEST_P(AllReduceOverNodes, SumsAreExactAndBitsAgree) {
  for (const int per_node : {1, 2, 3}) {
    expect_no_errors(test::on_thread_ranks(GetParam(), [&](Communicator& group) {
      test::check_algorithm(group, Algorithm::hierarchical,
                            "node " + std::to_string(group.rank() / per_node));
    }));
    expect_no_errors(test::on_thread_ranks(GetParam(), [&](Communicator& group) {
      test::check_algorithm(group, Algorithm::hierarchical,
                            "node " + std::to_string(group.rank() % (per_node + 1) == 0));
    }));
  }
}

INSTANTIATE_TEST_SUITE_P(Ranks, AllReduceOverNodes, testing::Values(2, 3, 4, 5, 8));

INSTANTIATE_TEST_SUITE_P(Each, AllReduceOnThreads,
                         testing::Combine(testing::ValuesIn(portable),
                                          testing::Values(1, 2, 3, 4, 5, 8)),
                         [](const auto& one) {
                           return std::string(name_of(std::get<0>(one.param))) + "_" +
                                  std::to_string(std::get<1>(one.param));
                         });

class AllReduceFails : public testing::TestWithParam<Algorithm> {
 protected:
  // The errors of ranks that run `body` with an AllReduce, with a short limit from then on.
  static std::string errors_of(int ranks,
                               const std::function<void(Communicator&, AllReduce&)>& body) {
    std::string all;
    for (const std::string& error : test::on_thread_ranks(ranks, [&](Communicator& group) {
           AllReduce allreduce(group, by(GetParam()));
           group.set_policy({std::chrono::seconds(4), Backoff::Kind::hot});
           body(group, allreduce);
         })) {
      all += error + "\n";
    }
    return all;
  }
};

TEST_P(AllReduceFails, DifferentLengthsAreNamedNotWaitedFor) {
  for (const size_t count : {size_t{10}, size_t{300'000}}) {
    const std::string all = errors_of(4, [&](Communicator& group, AllReduce& allreduce) {
      std::vector<float> values(group.rank() == 2 ? count + 1 : count);
      allreduce.sum(std::span<float>(values), "gradients");
    });
    EXPECT_NE(all.find("sum different things"), std::string::npos) << all;
    EXPECT_NE(all.find("rank 2"), std::string::npos) << all;
    EXPECT_NE(all.find(std::to_string(count + 1) + " floats"), std::string::npos) << all;
    EXPECT_NE(all.find(std::to_string(count) + " floats"), std::string::npos) << all;
  }
}

TEST_P(AllReduceFails, AnotherOrderIsNamedEvenWithEqualLengths) {
  const std::string all = errors_of(3, [&](Communicator& group, AllReduce& allreduce) {
    std::vector<double> values(100);
    const bool other = group.rank() == 1;
    allreduce.sum(std::span<double>(values), other ? "statistics" : "gradients");
    allreduce.sum(std::span<double>(values), other ? "gradients" : "statistics");
  });
  EXPECT_NE(all.find("sum different things"), std::string::npos) << all;
  EXPECT_NE(all.find("'gradients'"), std::string::npos) << all;
  EXPECT_NE(all.find("'statistics'"), std::string::npos) << all;
}

// Rank 0 is waited for by its neighbours only, and still all say that it is rank 0.
TEST_P(AllReduceFails, TheRankThatHasNotArrivedIsNamedByAllOthers) {
  for (const size_t count : {size_t{100}, size_t{200'000}}) {
    const std::string all = errors_of(5, [&](Communicator& group, AllReduce& allreduce) {
      std::vector<float> values(count);
      allreduce.sum(std::span<float>(values), "warm-up");
      if (group.rank() != 0) allreduce.sum(std::span<float>(values), "gradients");
    });
    std::istringstream lines(all);
    std::string error;
    std::getline(lines, error);
    EXPECT_EQ(error, "");
    for (int rank = 1; rank < 5; ++rank) {
      std::getline(lines, error);
      EXPECT_NE(error.find("rank 0 has not arrived"), std::string::npos) << rank << ": " << error;
      EXPECT_NE(error.find("rank " + std::to_string(rank) + " of group 'test'"), std::string::npos)
          << error;
      EXPECT_NE(error.find("sum 2, 'gradients'"), std::string::npos) << error;
    }
  }
}

TEST_P(AllReduceFails, ASlowRankIsWaitedFor) {
  const std::string all = errors_of(3, [&](Communicator& group, AllReduce& allreduce) {
    for (int round = 0; round < 3; ++round) {
      if (group.rank() == round) std::this_thread::sleep_for(std::chrono::milliseconds(300));
      test::check_sums<float>(allreduce, group, 50'000, "a slow rank");
    }
  });
  EXPECT_EQ(all, "\n\n\n");
}

INSTANTIATE_TEST_SUITE_P(Each, AllReduceFails,
                         testing::Values(Algorithm::ring, Algorithm::halving, Algorithm::tree,
                                         Algorithm::hierarchical),
                         [](const auto& one) { return name_of(one.param); });

TEST(AllReduceOptionsTest, TheAlgorithmIsParsed) {
  for (const Algorithm algorithm : all_algorithms()) {
    EXPECT_EQ(parse_algorithm(name_of(algorithm)), algorithm);
  }
  EXPECT_EQ(parse_algorithm("auto"), Algorithm::automatic);
  EXPECT_THROW(parse_algorithm("rings"), Error);
}

TEST(AllReduceOptionsTest, WhatThisTransportLacksIsSaidOnEveryRank) {
  const auto errors = test::on_thread_ranks(
      2, [](Communicator& group) { AllReduce allreduce(group, by(Algorithm::mpi)); });
  for (const std::string& error : errors) {
    EXPECT_NE(error.find("no MPI_Allreduce"), std::string::npos) << error;
  }
}

// As when nodes have other environments or files.
TEST(AllReduceOptionsTest, RanksWithOtherOptionsAreTold) {
  const AllReduceOptions usual = by(Algorithm::tree);
  std::array<AllReduceOptions, 3> others = {usual, usual, usual};
  others[0].algorithm = Algorithm::hierarchical;
  others[1].wire = WireType::bf16;
  others[2].calibration = "/nowhere";
  for (const AllReduceOptions& other : others) {
    for (const std::string& error : test::on_thread_ranks(4, [&](Communicator& group) {
           AllReduce allreduce(group, group.rank() == 2 ? other : usual);
         })) {
      EXPECT_NE(error.find("rank 0 has --comm.allreduce=tree --comm.wire=fp32, rank 2 has --comm."),
                std::string::npos)
          << error;
    }
  }
}

TEST(CostModelTest, FindsTheCostsThatMadeTheTimings) {
  const Shape shape{6, 1, 6};
  for (const Algorithm algorithm : all_algorithms()) {
    CostModel truth(shape, 2e-11);
    truth.set(algorithm, {3e-6, 4e-10});
    std::vector<Timing> timings;
    for (const size_t bytes : {size_t{256}, size_t{65536}, size_t{1} << 22}) {
      timings.push_back({bytes, truth.seconds(algorithm, bytes)});
    }
    CostModel model(shape, 2e-11);
    model.fit(algorithm, timings);
    EXPECT_NEAR(model.costs().at(algorithm).step_s, 3e-6, 1e-9) << name_of(algorithm);
    EXPECT_NEAR(model.costs().at(algorithm).byte_s, 4e-10, 1e-13) << name_of(algorithm);
  }
}

// The textbook: few steps for short vectors, little traffic for long ones, the ring for the longest
// where its steps have overlapped.
TEST(CostModelTest, ShortVectorsTakeFewStepsLongOnesLittleTraffic) {
  CostModel model({16, 1, 16}, 1e-11);
  for (const Algorithm algorithm : {Algorithm::ring, Algorithm::halving, Algorithm::tree}) {
    model.set(algorithm, {1e-6, algorithm == Algorithm::ring ? 0.9e-10 : 1e-10});
  }
  EXPECT_EQ(model.fastest(64), Algorithm::tree);
  EXPECT_EQ(model.fastest(256 << 10), Algorithm::halving);
  EXPECT_EQ(model.fastest(size_t{1} << 30), Algorithm::ring);
  EXPECT_EQ(model.table().find("up to"), 0U) << model.table();
}

TEST(CalibrationTest, IsMeasuredOnceAndThenRead) {
  const test::TemporaryFolder folder;
  const std::string file = (folder.path() / "costs.json").string();
  std::array<CostModel, 3> models;
  AllReduceOptions options;
  options.calibration = file;
  const auto body = [&](Communicator& group) {
    AllReduce allreduce(group, options);
    test::check_sums<float>(allreduce, group, 5000, "calibrated");
    models[static_cast<size_t>(group.rank())] = allreduce.model();
  };
  expect_no_errors(test::on_thread_ranks(3, body));
  const std::string first = models[0].table();
  EXPECT_EQ(models[1].table(), first);
  EXPECT_EQ(models[2].table(), first);
  const double ring_s = models[0].seconds(Algorithm::ring, 1 << 20);
  expect_no_errors(test::on_thread_ranks(3, body));
  EXPECT_EQ(models[2].seconds(Algorithm::ring, 1 << 20), ring_s) << "it was measured again";
  expect_no_errors(
      test::on_thread_ranks(2, [&](Communicator& group) { AllReduce allreduce(group, options); }));
  expect_no_errors(test::on_thread_ranks(3, body));
  EXPECT_EQ(models[1].seconds(Algorithm::ring, 1 << 20), ring_s) << "two ranks drove out three";
}

TEST(CalibrationTest, AnotherFileIsRefusedOnEveryRank) {
  const test::TemporaryFolder folder;
  const std::string file = (folder.path() / "costs.json").string();
  std::ofstream(file) << "{\"format\": \"something else\"}";
  AllReduceOptions options;
  options.calibration = file;
  const auto errors =
      test::on_thread_ranks(2, [&](Communicator& group) { AllReduce allreduce(group, options); });
  for (const std::string& error : errors) {
    EXPECT_NE(error.find("no calibration"), std::string::npos) << error;
    EXPECT_NE(error.find("costs.json"), std::string::npos) << error;
  }
}

// Equal jobs choose alike without a file: the model is then no measurement.
TEST(CalibrationTest, CostsThatAreNoneAreRefused) {
  const test::TemporaryFolder folder;
  const std::string file = (folder.path() / "costs.json").string();
  const Shape shape{2, 1, 2};
  CostModel model(shape, 1e-11);
  model.set(Algorithm::ring, {1e-6, 1e-10});
  save_costs(file, model);
  ASSERT_TRUE(load_costs(file, shape));
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  const std::string good = text.str();
  for (const auto& [from, to] : {std::pair("\"ring\"", "\"auto\""), std::pair("1e-06", "-1.0"),
                                 std::pair("1e-06", "1e308"), std::pair("1e-11", "null")}) {
    std::string bad = good;
    ASSERT_NE(bad.find(from), std::string::npos) << good;
    bad.replace(bad.find(from), std::string(from).size(), to);
    std::ofstream(file) << bad;
    EXPECT_THROW(load_costs(file, shape), Error) << bad;
  }
}
TEST(CalibrationTest, WithoutAFileNothingIsMeasured) {
  for (int run = 0; run < 2; ++run) {
    expect_no_errors(test::on_thread_ranks(3, [](Communicator& group) {
      AllReduce allreduce(group, {});
      EXPECT_EQ(allreduce.model().costs().at(Algorithm::ring).step_s,
                CostModel::typical({3, 1, 3}).costs().at(Algorithm::ring).step_s);
    }));
  }
}

}  // namespace
}  // namespace podium::comm
