// Buckets: every element in one, from the end to the beginning, cut where layers begin.
#include "comm/buckets.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace podium::comm {
namespace {

using Buckets = std::vector<Bucket>;

TEST(Buckets, TheFirstIsSmallAndLaterOnesAskForTwiceAsMuch) {
  std::vector<size_t> layers;
  for (size_t begin = 0; begin < 100; ++begin) layers.push_back(begin);
  EXPECT_EQ(
      make_buckets(100, layers, {4, 16}),
      (Buckets{{96, 100}, {88, 96}, {72, 88}, {56, 72}, {40, 56}, {24, 40}, {8, 24}, {0, 8}}));
}

TEST(Buckets, EndWhereLayersBegin) {
  const std::vector<size_t> layers = {0, 10, 30, 31, 90};
  EXPECT_EQ(make_buckets(100, layers, {4, 16}), (Buckets{{90, 100}, {31, 90}, {10, 31}, {0, 10}}));
  EXPECT_EQ(make_buckets(100, layers, {11, 100}), (Buckets{{31, 100}, {0, 31}}));
}

TEST(Buckets, WhatIsOneLayerIsOneBucket) {
  EXPECT_EQ(make_buckets(100, {}, {4, 16}), (Buckets{{0, 100}}));
  EXPECT_EQ(make_buckets(0, {}, {4, 16}), Buckets{});
}

// Whatever the layers: no gap, no overlap, none empty, and each that is not the last is as large as
// it asks to be.
TEST(Buckets, OfRandomLayersCoverTheVectorOnce) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 500; ++round) {
    const size_t count = random() % 10'000;
    std::vector<size_t> layers;
    for (size_t begin = 0; begin < count; begin += 1 + random() % 2'000) layers.push_back(begin);
    const BucketSizes sizes{1 + random() % 1'000, 1 + random() % 4'000};
    const Buckets buckets = make_buckets(count, layers, sizes);
    size_t end = count;
    for (const Bucket& bucket : buckets) {
      ASSERT_EQ(bucket.end, end);
      ASSERT_LT(bucket.begin, bucket.end);
      if (bucket.begin > 0) {
        ASSERT_GE(bucket.count(), sizes.first);
        ASSERT_TRUE(std::ranges::binary_search(layers, bucket.begin));
      }
      end = bucket.begin;
    }
    ASSERT_EQ(end, 0U);
  }
}

}  // namespace
}  // namespace podium::comm
