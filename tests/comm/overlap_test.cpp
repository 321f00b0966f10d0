// Sums that overlap with computing, between ranks that are threads: bits, order, times, and what
// is told when ranks disagree or do not come.
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <thread>

#include "comm/inproc/inproc_world.hpp"
#include "comm/overlap_checks.hpp"
#include "core/error.hpp"

namespace podium::comm {
namespace {

// Runs `body` on every rank of a new world, each in a thread; the messages of their errors.
std::vector<std::string> on_ranks(int ranks, std::chrono::milliseconds limit,
                                  const std::function<void(Communicator&)>& body) {
  InprocWorld world(ranks, "test");
  std::vector<std::string> errors(static_cast<size_t>(ranks));
  std::vector<std::thread> threads;
  for (int rank = 0; rank < ranks; ++rank) {
    threads.emplace_back([&, rank] {
      const std::unique_ptr<Communicator> group = world.communicator(rank);
      group->set_policy({limit, Backoff::Kind::hot});
      try {
        body(*group);
      } catch (const Error& error) {
        errors[static_cast<size_t>(rank)] = error.what();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return errors;
}

constexpr std::chrono::seconds patient(60);

class OverlapOnThreads : public testing::TestWithParam<std::tuple<Algorithm, int>> {};

TEST_P(OverlapOnThreads, EndsWithTheBitsOfBucketsOneByOne) {
  const auto [algorithm, ranks] = GetParam();
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    for (const std::string& error : on_ranks(ranks, patient, [&, a = algorithm](Communicator& g) {
           test::check_overlap(g, a, seed);
         })) {
      EXPECT_EQ(error, "");
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Each, OverlapOnThreads,
                         testing::Combine(testing::Values(Algorithm::automatic, Algorithm::ring,
                                                          Algorithm::halving, Algorithm::tree,
                                                          Algorithm::hierarchical),
                                          testing::Values(1, 2, 3, 4)));

class EachOverlap : public testing::TestWithParam<Overlap> {
 protected:
  static constexpr size_t count = 1000;
  // Two buckets, [600, 1000) and [0, 600).
  static std::vector<Bucket> buckets() { return {{600, 1000}, {0, 600}}; }
};

// Rank 1 comes to its second bucket late: the others wait, and that is their exposed time.
TEST_P(EachOverlap, ASlowRankShowsAsExposedOnTheOthers) {
  std::array<double, 3> exposed{};
  std::atomic<int> waiting{0};
  const auto errors = on_ranks(3, patient, [&](Communicator& group) {
    AllReduce allreduce(group, {});
    OverlappedSum sum(allreduce, buckets(), "gradients", GetParam());
    std::vector<float> values(count, 1.0F);
    sum.begin(values, 1.0F);
    sum.ready(600);
    if (group.rank() == 1) {
      while (waiting < 2) std::this_thread::yield();
      std::this_thread::sleep_for(std::chrono::milliseconds(300));
    }
    sum.ready(0);
    ++waiting;
    sum.finish();
    EXPECT_EQ(values.front(), 3.0F);
    EXPECT_EQ(values.back(), 3.0F);
    exposed[static_cast<size_t>(group.rank())] = sum.exposed_seconds();
  });
  for (const std::string& error : errors) EXPECT_EQ(error, "");
  EXPECT_GT(exposed[0], 0.1);
  EXPECT_GT(exposed[2], 0.1);
}

// Who computes while a sum waits has nothing to wait for.
TEST_P(EachOverlap, ComputingWhileASumIsUnderWayIsHidden) {
  if (GetParam() == Overlap::off) GTEST_SKIP() << "nothing is hidden";
  std::atomic<bool> computed{false};
  std::array<double, 2> hidden{};
  const auto errors = on_ranks(2, patient, [&](Communicator& group) {
    AllReduce allreduce(group, {});
    OverlappedSum sum(allreduce, buckets(), "gradients", GetParam());
    std::vector<float> values(count, 1.0F);
    sum.begin(values, 1.0F);
    while (group.rank() == 1 && !computed) std::this_thread::yield();
    sum.ready(600);
    if (group.rank() == 0) std::this_thread::sleep_for(std::chrono::milliseconds(300));
    computed = true;
    sum.ready(0);
    sum.finish();
    hidden[static_cast<size_t>(group.rank())] = sum.hidden_seconds();
  });
  for (const std::string& error : errors) EXPECT_EQ(error, "");
  EXPECT_GT(hidden[0], 0.1) << "its first bucket waited for rank 1";
}

// Rank 1 never comes to its second bucket. (On a machine under load the others may be late too.)
TEST_P(EachOverlap, AStalledRankIsNamedWithTheBucket) {
  std::atomic<int> told{0};
  const auto errors = on_ranks(3, std::chrono::seconds(2), [&](Communicator& group) {
    AllReduce allreduce(group, {});
    OverlappedSum sum(allreduce, buckets(), "gradients", GetParam());
    std::vector<float> values(count, 1.0F);
    sum.begin(values, 1.0F);
    sum.ready(600);
    if (group.rank() == 1) {
      while (told < 2) std::this_thread::sleep_for(std::chrono::milliseconds(10));
      return;
    }
    try {
      sum.ready(0);
      sum.finish();
    } catch (const Error&) {
      ++told;
      throw;
    }
    ++told;
  });
  for (const size_t rank : {0, 2}) {
    const std::string& error = errors[rank];
    const size_t missing = error.find("; rank");
    const size_t end = error.find("not arrived");
    ASSERT_TRUE(missing != std::string::npos && end != std::string::npos) << error;
    EXPECT_NE(error.substr(missing, end - missing).find('1'), std::string::npos) << error;
    EXPECT_NE(error.find("'gradients, bucket "), std::string::npos) << error;
  }
}

TEST_P(EachOverlap, RanksWithOtherBucketsAreTold) {
  const auto errors = on_ranks(2, std::chrono::seconds(5), [&](Communicator& group) {
    AllReduce allreduce(group, {});
    std::vector<Bucket> mine = buckets();
    if (group.rank() == 1) mine = {{500, 1000}, {0, 500}};
    OverlappedSum sum(allreduce, mine, "gradients", GetParam());
    std::vector<float> values(count, 1.0F);
    sum.begin(values, 1.0F);
    sum.ready(0);
    sum.finish();
  });
  EXPECT_NE(errors[0].find("400 floats"), std::string::npos) << errors[0];
  EXPECT_NE(errors[0].find("500 floats"), std::string::npos) << errors[0];
}

// Thirds, which bf16 does not have: the mean over steps is one, in each bucket by itself.
TEST_P(EachOverlap, KeepsWhatRoundingLeavesOverBucketByBucket) {
  const auto errors = on_ranks(3, patient, [&](Communicator& group) {
    AllReduceOptions options;
    options.algorithm = Algorithm::ring;
    options.wire = WireType::bf16;
    AllReduce allreduce(group, options);
    OverlappedSum sum(allreduce, buckets(), "gradients", GetParam());
    std::vector<double> sums(count);
    for (int step = 0; step < 100; ++step) {
      std::vector<float> values(count, 1.0F);
      sum.begin(values, 1.0F / 9);
      sum.ready(600);
      sum.ready(0);
      sum.finish();
      for (size_t i = 0; i < count; ++i) sums[i] += values[i];
    }
    for (const double each : sums) ASSERT_NEAR(each / 100, 1.0 / 3, 2e-5);
  });
  for (const std::string& error : errors) EXPECT_EQ(error, "");
}

// An error elsewhere drops a step: nobody hangs.
TEST_P(EachOverlap, AStepMayBeDropped) {
  on_ranks(2, patient, [&](Communicator& group) {
    AllReduce allreduce(group, {});
    OverlappedSum sum(allreduce, buckets(), "gradients", GetParam());
    std::vector<float> values(count, 1.0F);
    sum.begin(values, 1.0F);
    if (group.rank() == 0) sum.ready(600);  // and rank 1 never
  });
}

INSTANTIATE_TEST_SUITE_P(Each, EachOverlap,
                         testing::Values(Overlap::polling, Overlap::thread, Overlap::off));

TEST(Overlap, IsParsed) {
  EXPECT_EQ(parse_overlap("thread"), Overlap::thread);
  EXPECT_THROW(parse_overlap("sometimes"), Error);
}

}  // namespace
}  // namespace podium::comm
