// What sums that overlap with computing must do, over whatever transport: checks that all ranks of
// a group run together.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include "comm/overlapped_sum.hpp"

namespace podium::test {

inline constexpr std::array all_overlaps = {comm::Overlap::polling, comm::Overlap::thread,
                                            comm::Overlap::off};

// Values whose sum depends on the order of adding.
inline std::vector<float> rough_values(size_t count, int rank, uint64_t seed) {
  std::mt19937_64 random(seed * 1000 + static_cast<uint64_t>(rank));
  std::vector<float> values(count);
  for (float& value : values) {
    value = static_cast<float>(static_cast<double>(random() % 2'000'001) / 1e3 - 1e3);
  }
  return values;
}

// One step: values become ready in the pieces of random layers, with pauses of this rank's own.
inline std::vector<float> overlapped(comm::OverlappedSum& sum, const std::vector<size_t>& layers,
                                     std::vector<float> values, uint64_t seed, int rank) {
  std::mt19937_64 random(seed + 7 * static_cast<uint64_t>(rank));
  const std::vector<float> given = values;
  std::ranges::fill(values, -1.0F);  // not computed yet
  sum.begin(values, 0.25F);
  size_t end = values.size();
  for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer) {
    std::copy_n(given.begin() + static_cast<std::ptrdiff_t>(*layer), end - *layer,
                values.begin() + static_cast<std::ptrdiff_t>(*layer));
    end = *layer;
    if (random() % 4 == 0) std::this_thread::sleep_for(std::chrono::microseconds(random() % 300));
    sum.ready(end);
  }
  sum.finish();
  return values;
}

// Random layers and buckets: all drivers end with the bits that the buckets have one by one.
inline void check_overlap(comm::Communicator& group, comm::Algorithm algorithm, uint64_t seed) {
  std::mt19937_64 random(seed);
  const size_t count = 1 + random() % 60'000;
  std::vector<size_t> layers;
  for (size_t begin = 0; begin < count; begin += 1 + random() % 9'000) layers.push_back(begin);
  const std::vector<comm::Bucket> buckets =
      comm::make_buckets(count, layers, {1 + random() % 8'000, 1 + random() % 30'000});
  comm::AllReduceOptions options;
  options.algorithm = algorithm;
  comm::AllReduce allreduce(group, options);

  const std::vector<float> mine = rough_values(count, group.rank(), seed);
  std::vector<float> expected = mine;
  for (const comm::Bucket& bucket : buckets) {
    allreduce.weighted_sum(std::span(expected).subspan(bucket.begin, bucket.count()), 0.25F,
                           "one by one");
  }
  for (const comm::Overlap overlap : all_overlaps) {
    comm::OverlappedSum sum(allreduce, buckets, "gradients", overlap);
    for (uint64_t step = 0; step < 3; ++step) {
      const std::vector<float> values = overlapped(sum, layers, mine, seed + step, group.rank());
      EXPECT_EQ(std::memcmp(values.data(), expected.data(), count * sizeof(float)), 0)
          << comm::name_of(algorithm) << ", overlap " << static_cast<int>(overlap) << ", step "
          << step << ", " << buckets.size() << " buckets of " << count << ", rank " << group.rank()
          << " of " << group.size();
    }
    EXPECT_GE(sum.exposed_seconds(), 0.0);
    EXPECT_GE(sum.hidden_seconds(), 0.0);
  }
  allreduce.set_give_way({});
}

}  // namespace podium::test
