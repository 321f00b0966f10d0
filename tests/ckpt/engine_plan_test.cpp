// The pure parts of the checkpoint engine: metas, plans, schedules, pods; and the shadow weights,
// which refuse a changed byte.
#include <gtest/gtest.h>

#include <cstring>
#include <set>

#include "ckpt/engine/receiver.hpp"
#include "ckpt/engine/rounds.hpp"
#include "ckpt/engine/schedule.hpp"
#include "core/error.hpp"

namespace podium::ckpt::engine {
namespace {

std::vector<Piece> some_tensors() {
  const auto floats = [](const char* name, uint64_t count) {
    return Piece{name, {count}, 4, 0, 4 * count};
  };
  return {floats("a", 21), floats("empty", 0), Piece{"byte", {1}, 1, 0, 1}, floats("huge", 5000),
          floats("b", 64)};
}

std::vector<Metas> shared_by(size_t ranks, uint64_t bucket_bytes) {
  std::vector<Metas> all;
  for (size_t rank = 0; rank < ranks; ++rank) {
    Metas metas{7, rank == 0 ? "card" : "", slice_of(some_tensors(), rank, ranks), {}};
    metas.hashes.resize(chunk_count(shard_bytes_of(metas.pieces), bucket_bytes));
    all.push_back(std::move(metas));
  }
  return all;
}

TEST(EnginePlan, CarriesEveryByteOnceInAlignedBuckets) {
  for (const size_t ranks : {1, 2, 3, 7, 50}) {
    for (const uint64_t bucket_bytes : {256, 1024, 16384, 1 << 20}) {
      const Plan plan = make_plan(shared_by(ranks, bucket_bytes), bucket_bytes);
      std::vector<int> seen(plan.layout.model_bytes);
      for (const Bucket& bucket : plan.buckets) {
        EXPECT_EQ(bucket.shard_offset % alignment_bytes, 0U);
        EXPECT_LE(bucket.bytes, bucket_bytes);
        EXPECT_GT(bucket.bytes, 0U);
        for (const Item& item : plan.items_of(bucket)) {
          ASSERT_LE(item.bucket_offset + item.bytes, bucket.bytes);
          for (uint64_t i = 0; i < item.bytes; ++i) ++seen[item.place + i];
        }
      }
      uint64_t bytes = 0;
      for (const Tensor& tensor : plan.layout.tensors) {
        bytes += tensor.bytes;
        for (uint64_t i = 0; i < tensor.bytes; ++i) ASSERT_EQ(seen[tensor.place + i], 1);
      }
      EXPECT_EQ(bytes, 84U + 1 + 20000 + 256);
    }
  }
}

TEST(EnginePlan, LastBucketTravelsAtItsTrueSize) {
  const Plan plan = make_plan(shared_by(1, 16384), 16384);
  ASSERT_EQ(plan.buckets.size(), 2U);
  EXPECT_EQ(plan.buckets[1].bytes, plan.layout.shard_bytes[0] - 16384);
}

TEST(EnginePlan, InARoundEachRankBringsOneBucket) {
  const Plan plan = make_plan(shared_by(3, 1024), 1024);
  for (size_t round = 0; round < plan.round_count(); ++round) {
    std::set<int> owners;
    for (size_t i = plan.rounds[round]; i < plan.rounds[round + 1]; ++i) {
      EXPECT_TRUE(owners.insert(plan.buckets[i].owner).second);
      EXPECT_EQ(plan.buckets[i].shard_offset, round * 1024);
    }
  }
}

TEST(EnginePlan, OfNothingIsEmpty) {
  const Plan plan = make_plan(std::vector<Metas>(3), 256);
  EXPECT_EQ(plan.round_count(), 0U);
  EXPECT_EQ(plan.layout.model_bytes, 0U);
}

// What make_plan says about metas after `spoil` has changed them.
template <typename Spoil>
std::string refusal(Spoil spoil) {
  std::vector<Metas> all = shared_by(2, 1024);
  spoil(all);
  try {
    make_plan(all, 1024);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::bad_data);
    return error.what();
  }
  return "";
}

TEST(EnginePlan, RefusesMetasThatDoNotFitTogether) {
  const auto has = [](const std::string& text, const char* part) {
    return text.find(part) != std::string::npos;
  };
  EXPECT_TRUE(has(refusal([](auto& all) { all[1].version = 8; }), "rank 1 version 8"));
  EXPECT_TRUE(has(refusal([](auto& all) { all[1].pieces[0].shape = {4999}; }), "'huge'"));
  EXPECT_TRUE(
      has(refusal([](auto& all) { all[1].pieces.erase(all[1].pieces.begin()); }), "nobody holds"));
  EXPECT_TRUE(has(refusal([](auto& all) { all[1].pieces[0].first = 0; }), "another rank holds"));
  EXPECT_TRUE(has(refusal([](auto& all) { all[1].pieces[0].bytes += 256; }), "beyond its tensor"));
  EXPECT_TRUE(has(refusal([](auto& all) { all[1].pieces[0].first += 256; }), "'huge'"));
  EXPECT_TRUE(has(refusal([](auto& all) { all[1].hashes.clear(); }), "0 checksums"));
  EXPECT_TRUE(has(refusal([](auto& all) {
                    all[0].pieces[0].shape = {uint64_t{1} << 40, 1 << 20};
                  }),
                  "impossible size"));
}

TEST(EnginePlan, MetasSurviveTheWire) {
  const Metas metas = shared_by(2, 1024)[0];
  const Metas copy = metas_from_json(Json::parse(to_json(metas).dump()));
  EXPECT_EQ(to_json(copy), to_json(metas));
  EXPECT_THROW(metas_from_json(Json{{"version", "x"}}), Error);
}

TEST(Shadow, RefusesAChangedByteAndNamesWhoseItWas) {
  std::vector<Metas> all = shared_by(1, 1024);
  HostShard shard(7, "card", all[0].pieces, 1024);
  for (size_t i = 0; i < all[0].pieces.size(); ++i) {
    std::memset(shard.piece(i).data(), 'x', shard.piece(i).size());
  }
  shard.seal();
  const Plan plan = make_plan(std::vector<Metas>{shard.metas()}, 1024);
  std::vector<std::byte> bytes(shard.of(plan.buckets[2]).begin(), shard.of(plan.buckets[2]).end());
  Shadow shadow(plan, 0, 1);
  EXPECT_TRUE(shadow.take(plan.buckets[2], bytes));
  bytes[17] ^= std::byte{1};
  EXPECT_FALSE(shadow.take(plan.buckets[2], bytes));
  EXPECT_NE(shadow.why().find("at byte 2048"), std::string::npos) << shadow.why();
}

TEST(EngineSchedule, FewerThenSmallerBuffersWhereMemoryIsShort) {
  EXPECT_TRUE(fit(Schedule::three, 1 << 20, 0).buffers.allow(Schedule::three));
  EXPECT_EQ(fit(Schedule::three, 1 << 20, 4 << 20).schedule, Schedule::three);
  const Fit two = fit(Schedule::automatic, 1 << 20, 3 << 20);
  EXPECT_TRUE(two.buffers.allow(Schedule::two));
  EXPECT_FALSE(two.buffers.allow(Schedule::three));
  EXPECT_NE(two.notice, "");
  EXPECT_EQ(fit(Schedule::three, 1 << 20, 2 << 20).schedule, Schedule::one);
  const Fit small = fit(Schedule::three, 1 << 20, 1000);
  EXPECT_EQ(small.buffers.bucket_bytes, 256U);
  EXPECT_NE(small.notice, "");
  EXPECT_THROW(fit(Schedule::one, 1 << 20, 511), Error);
}

TEST(EngineSchedule, AutoTakesWhatWasFastest) {
  AutoChoice choice(Schedule::automatic, {2, 2, 1024}, 100);
  const std::array<uint64_t, 3> costs = {30, 10, 20};
  size_t trials = 0;
  for (size_t round = 0; round < 100; ++round) {
    if (trials == 3) {
      EXPECT_EQ(choice.now(), Schedule::two);
    }
    if (choice.ends_trial()) choice.trial_took(costs[trials++]);
    choice.next_round();
  }
  EXPECT_EQ(trials, 3U);
}

TEST(EngineSchedule, AutoOfFewRoundsTakesTheWidest) {
  EXPECT_EQ(AutoChoice(Schedule::automatic, {2, 2, 1024}, 5).now(), Schedule::three);
  EXPECT_EQ(AutoChoice(Schedule::automatic, {1, 2, 1024}, 5).now(), Schedule::two);
  EXPECT_EQ(AutoChoice(Schedule::automatic, {1, 1, 1024}, 5).now(), Schedule::one);
}

TEST(EnginePods, HoldEveryRankOnce) {
  for (int ranks = 1; ranks < 9; ++ranks) {
    for (int count = 1; count <= ranks; ++count) {
      const Pods pods(ranks, count);
      for (int rank = 0; rank < ranks; ++rank) {
        const int pod = pods.of(rank);
        EXPECT_LE(pods.first(pod), rank);
        EXPECT_LT(rank, pods.first(pod + 1));
        for (int other = 0; other < count; ++other) {
          EXPECT_EQ(pods.of(pods.receiver(other, rank)), other);
        }
      }
    }
  }
}

}  // namespace
}  // namespace podium::ckpt::engine
