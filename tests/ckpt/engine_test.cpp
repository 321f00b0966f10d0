// The checkpoint engine over real MPI with worker processes: every pod gets the same bytes by every
// schedule; workers that die, stall or come late cost the others nothing; a failure leaves the old
// version everywhere.
#include "ckpt/engine/engine.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <deque>

#include "ckpt/engine_bench.hpp"
#include "ckpt/engine_workers.hpp"
#include "comm/barrier.hpp"
#include "core/error.hpp"

namespace podium::ckpt::engine::test {
namespace {

TEST(Engine, GivesEveryPodTheSameBytesByEverySchedule) {
  for (const Schedule schedule :
       {Schedule::one, Schedule::two, Schedule::three, Schedule::automatic}) {
    for (const int pods : {1, 2, 3, environment->size()}) {
      Bench bench(pods, options(schedule, pods % 2 == 0));
      bench.start("keep");
      bench.start("keep", 0, 2);
      bench.start("keep", 1, 2);
      for (const uint64_t version : {1, 2, 3}) {
        bench.hold(version);
        const UpdateReport report = bench.update(3);
        EXPECT_TRUE(report.committed) << report.reason;
        EXPECT_EQ(report.workers, static_cast<size_t>(3 * bench.pods()));
        EXPECT_EQ(report.dropped, 0U);
        bench.expect_version(version);
      }
    }
  }
}

TEST(Engine, RunsWithTheLeastMemory) {
  EngineOptions small = options();
  small.memory_bytes = 1024;
  Bench bench(2, small);
  EXPECT_EQ(bench.engine.buffers().buffers.bucket_bytes, 512U);
  bench.start("keep");
  bench.serve({1});
}

// --- Updates of changes
// ---------------------------------------------------------------------------

TEST(Engine, WhatWorkersHaveIsNeitherSentNorTakenAgain) {
  for (const bool copies : {false, true}) {
    Bench bench(2, options(Schedule::automatic, copies));
    bench.start("keep");
    bench.start("keep", 1, 2);
    uint64_t whole = 0;
    for (const uint64_t version : {1, 2, 3, 4, 5, 5, 6}) {
      bench.hold(version);
      const UpdateReport report = bench.update(2);
      EXPECT_TRUE(report.committed) << report.reason;
      bench.expect_version(version);
      if (version == 1) whole = report.taken_bytes;
      if (version < 3) continue;  // memory for two versions must fill first
      EXPECT_LT(report.taken_bytes, whole * 3 / 4) << version;
      EXPECT_GT(report.taken_bytes, 0U) << version;
      if (bench.pods() > 1 && !copies) {
        EXPECT_LT(report.sent_bytes, report.model_bytes * 3 / 4) << version;
      }
    }
  }
}

TEST(Engine, AWorkerWithoutTheVersionBeforeGetsAll) {
  Bench bench(2);
  bench.start("keep");
  bench.serve({1, 2, 3});
  bench.start("keep");
  bench.hold(4);
  const UpdateReport report = bench.update(2);
  EXPECT_TRUE(report.committed) << report.reason;
  if (bench.pods() > 1) {
    EXPECT_GE(report.sent_bytes, report.model_bytes - 4096);
  }
  bench.expect_version(4);
}

TEST(Engine, TensorsOfOtherShapesAreNoChangesOfThoseBefore) {
  Bench bench(2);
  bench.start("keep");
  bench.serve({1, 2, 3});
  std::vector<Piece> whole = whole_model();
  std::swap(whole.front(), whole.back());
  auto shard = bench.engine.make_shard(4, "",
                                       slice_of(whole, static_cast<size_t>(bench.group->rank()),
                                                static_cast<size_t>(bench.group->size())));
  fill(*shard, 4);
  shard->seal();
  bench.engine.hold(std::move(shard));
  EXPECT_TRUE(bench.update(1).committed);
  bench.expect_version(4);
}

TEST(Engine, AnUpdateThatFailedLeavesNothingThatIsTakenForWeights) {
  Bench bench(2);
  bench.start("keep");
  bench.serve({1, 2});
  auto shard =
      bench.engine.make_shard(3, "",
                              slice_of(whole_model(), static_cast<size_t>(bench.group->rank()),
                                       static_cast<size_t>(bench.group->size())));
  fill(*shard, 3);
  shard->seal();
  if (bench.group->rank() == 0) shard->piece(0)[0] ^= std::byte{1};  // the rest is not taken then
  bench.engine.hold(std::move(shard));
  EXPECT_FALSE(bench.update(1).committed);
  bench.expect_version(2);
  bench.serve({3});
}

TEST(Engine, AnEmptyModelIsAVersionToo) {
  Bench bench(2);
  bench.start("keep");
  auto shard = bench.engine.make_shard(5, "", {});
  shard->seal();
  bench.engine.hold(std::move(shard));
  EXPECT_TRUE(bench.update(1).committed);
  bench.expect_version(5);
}

TEST(Engine, SpansLieWithinTheUpdateAndInTheirOrder) {
  Bench bench(1, options(Schedule::one, true));
  bench.start("keep");
  bench.hold(1);
  const int64_t begin = trace_now_ns();
  const UpdateReport report = bench.update(1);
  const int64_t end = trace_now_ns();
  size_t buckets = 0;
  for (const Bucket& bucket : bench.engine.plan().buckets) {
    if (bucket.owner == bench.group->rank()) ++buckets;
  }
  const std::span<const Span> sent = bench.engine.rounds().broadcast_spans().spans();
  ASSERT_EQ(sent.size(), buckets);
  for (size_t i = 0; i < sent.size(); ++i) {
    EXPECT_LE(begin, sent[i].begin_ns);
    EXPECT_LE(sent[i].begin_ns, sent[i].end_ns);
    EXPECT_LE(sent[i].end_ns, end);
    EXPECT_LE(i > 0 ? sent[i - 1].end_ns : begin, sent[i].begin_ns);
  }
  if (bench.group->rank() != 0) return;
  ASSERT_EQ(report.traced.size(), 1U);
  EXPECT_EQ(report.traced[0].reloads.size(), bench.engine.plan().buckets.size());
}

// --- Workers that fail
// ----------------------------------------------------------------------------

void expect_dropped(const std::string& habit) {
  Bench bench(2);
  bench.start(habit);
  bench.start("keep");
  bench.hold(1);
  const UpdateReport report = bench.update(2);
  EXPECT_TRUE(report.committed) << report.reason;
  EXPECT_EQ(report.workers, static_cast<size_t>(bench.pods()));
  EXPECT_EQ(report.dropped, static_cast<size_t>(bench.pods()));
  bench.expect_version(1, 1);
  if (bench.leads()) {  // one that wakes notices that it is no longer wanted
    bench.workers[0].process().signal(SIGCONT);
    const int status = bench.workers[0].process().end(patience).status;
    EXPECT_TRUE(status == 3 || status == 128 + SIGKILL) << status;
  }
  bench.hold(2);
  EXPECT_EQ(bench.update(1).workers, static_cast<size_t>(bench.pods()));
  bench.expect_version(2, 1);
}

TEST(Engine, AWorkerKilledInTheMiddleOfABucketCostsTheOthersNothing) {
  expect_dropped("die=3");
}

TEST(Engine, AWorkerStoppedInTheMiddleOfABucketIsDroppedInTime) {
  expect_dropped("stop=5");
}

TEST(Engine, WhatWasMissedIsFetchedFromPointToPoint) {
  Bench bench(2);
  bench.hold(4);
  EXPECT_TRUE(bench.update(0).committed);  // nobody was there
  FetchOptions fetching{bench.engine.peers(), "open sesame", 0, 1, patience};
  EXPECT_EQ(newest_version(fetching), 4U);
  const Weights weights = fetch(fetching);
  EXPECT_EQ(weights.version(), 4U);
  EXPECT_EQ(weights.layout.card, "a card");
  EXPECT_EQ(wrong_bytes(weights, 0, 1), 0U);
  fetching.part = 1;
  fetching.parts = 3;
  EXPECT_EQ(wrong_bytes(fetch(fetching), 1, 3), 0U);
  fetching.secret = "open barley";
  EXPECT_THROW(fetch(fetching), Error);
  comm::barrier(*bench.group, bench.group->policy());
}

// There are eight seats, which who says nothing leaves within the limit of a fetch.
TEST(Engine, ConnectionsThatSayNothingKeepNobodyOut) {
  Bench bench(1);
  bench.hold(3);
  EXPECT_TRUE(bench.update(0).committed);
  std::vector<Channel> silent;
  for (int i = 0; i < 8; ++i) silent.push_back(Channel::to_peer(bench.engine.peers()[0], patience));
  const FetchOptions fetching{bench.engine.peers(), "open sesame", 0, 1,
                              std::chrono::milliseconds(4'000)};
  EXPECT_EQ(newest_version(fetching), 3U);
  comm::barrier(*bench.group, bench.group->policy());
}

TEST(Engine, StrangersWithMessagesOfAnyKindCostNothing) {
  Bench bench(1);
  bench.start("keep");
  bench.hold(1);
  for (const Json& message :
       {Json{{"secret", 5}, {"want", "metas"}}, Json{{"secret", nullptr}}, Json::object(),
        Json{{"secret", "open sesame"}, {"want", Json::array({1})}},
        Json{{"role", 7}, {"name", Json::object()}}, Json{{"role", "worker"}, {"name", 7}}}) {
    for (const std::string& peer : bench.engine.peers()) {
      Channel stranger = Channel::to_peer(peer, patience);
      EXPECT_TRUE(stranger.send(message, patience));
      stranger.receive(patience);
    }
    Channel neighbour = Channel::to_local(bench.engine.gate(), patience);
    EXPECT_TRUE(neighbour.send(message, patience));
    neighbour.receive(patience);
  }
  EXPECT_TRUE(bench.update(1).committed);
  bench.expect_version(1);
  EXPECT_EQ(newest_version({bench.engine.peers(), "open sesame", 0, 1, patience}), 1U);
  comm::barrier(*bench.group, bench.group->policy());
}

TEST(Engine, NewcomersFetchWhileTheOthersAreUpdated) {
  Bench bench(1);
  bench.start("keep");
  bench.serve({1});
  std::atomic<bool> ending{false};
  std::thread newcomer([&] {
    const FetchOptions fetching{bench.engine.peers(), "open sesame", 0, 1, patience};
    while (!ending) {
      try {
        EXPECT_EQ(wrong_bytes(fetch(fetching), 0, 1), 0U);
      } catch (const Error& error) {  // a newer one came meanwhile: it fetches again
        EXPECT_EQ(error.code(), ExitCode::unavailable) << error.what();
      }
    }
  });
  for (uint64_t version = 2; version < 8; ++version) {
    bench.hold(version);
    EXPECT_TRUE(bench.update(1).committed);
    bench.expect_version(version);
  }
  ending = true;
  newcomer.join();
  comm::barrier(*bench.group, bench.group->policy());
}

// --- Updates that fail
// ----------------------------------------------------------------------------

TEST(Engine, AFlippedByteLeavesTheOldVersionEverywhere) {
  Bench bench(2);
  bench.start("keep");
  bench.serve({1});

  auto shard =
      bench.engine.make_shard(2, "",
                              slice_of(whole_model(), static_cast<size_t>(bench.group->rank()),
                                       static_cast<size_t>(bench.group->size())));
  fill(*shard, 2);
  shard->seal();
  const bool last = bench.group->rank() + 1 == bench.group->size();
  if (last) shard->piece(shard->metas().pieces.size() - 1)[70] ^= std::byte{4};
  bench.engine.hold(std::move(shard));
  const UpdateReport report = bench.update(1);
  EXPECT_FALSE(report.committed);
  EXPECT_EQ(report.workers, 0U);
  EXPECT_NE(report.reason.find("wrong checksum"), std::string::npos) << report.reason;
  bench.expect_version(1);
  EXPECT_EQ(newest_version({bench.engine.peers(), "open sesame", 0, 1, patience}), 1U);

  bench.serve({3});
}

TEST(Engine, MetasThatDoNotFitTogetherAreRefusedOnEveryRank) {
  Bench bench(2);
  bench.start("keep");
  bench.serve({1});
  if (bench.group->size() == 1) return;
  auto shard =
      bench.engine.make_shard(2 + static_cast<uint64_t>(bench.group->rank() == 1), "",
                              slice_of(whole_model(), static_cast<size_t>(bench.group->rank()),
                                       static_cast<size_t>(bench.group->size())));
  shard->seal();
  EXPECT_THROW(bench.engine.hold(std::move(shard)), Error);
  bench.serve({4});
}

TEST(Engine, MemoryThatNobodyHasIsRefusedOnEveryRank) {
  EngineOptions greedy = options();
  greedy.bucket_bytes = uint64_t{1} << 50;
  try {
    Bench bench(1, greedy);
    FAIL() << "there is a petabyte";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::unavailable);
    EXPECT_NE(std::string(error.what()).find("the IPC buffer needs"), std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace podium::ckpt::engine::test

podium::comm::MpiEnvironment* podium::test::environment = nullptr;

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (!arguments.empty() && arguments[0] == podium::ckpt::engine::test::worker_verb) {
    return podium::ckpt::engine::test::worker_main(arguments);
  }
  testing::InitGoogleTest(&argc, argv);
  podium::comm::MpiEnvironment mpi;
  podium::test::environment = &mpi;
  const int failed = RUN_ALL_TESTS();
  mpi.finalize();
  return failed;
}
