// What every algorithm of AllReduce must do, over whatever transport: checks that all ranks of a
// group run together. Values are small integers, so that sums are exact in any order.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "comm/allreduce/allreduce.hpp"
#include "comm/broadcast.hpp"

namespace podium::test {

inline float contribution(size_t i, int rank) {
  return static_cast<float>(i % 97) + static_cast<float>(rank) * 3;
}

template <typename T>
T expected_sum(size_t i, int ranks) {
  return static_cast<T>(ranks) * static_cast<T>(i % 97) +
         static_cast<T>(3 * ranks * (ranks - 1) / 2);
}

template <typename T>
std::vector<T> contributions(size_t count, int rank) {
  std::vector<T> values(count);
  for (size_t i = 0; i < count; ++i) values[i] = static_cast<T>(contribution(i, rank));
  return values;
}

template <typename T>
void expect_sums(const std::vector<T>& values, const comm::Communicator& group, T factor,
                 const std::string& what) {
  size_t wrong = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    wrong += values[i] != factor * expected_sum<T>(i, group.size()) ? 1 : 0;
  }
  EXPECT_EQ(wrong, 0U) << what << ", " << values.size() << " elements, rank " << group.rank()
                       << " of " << group.size();
}

// In place, out of place and weighted.
template <typename T>
void check_sums(comm::AllReduce& allreduce, const comm::Communicator& group, size_t count,
                const std::string& what) {
  const std::vector<T> given = contributions<T>(count, group.rank());
  std::vector<T> values = given;
  allreduce.sum(std::span<T>(values), "in place");
  expect_sums<T>(values, group, 1, what + " in place");
  std::vector<T> out(count, T{-1});
  allreduce.sum(std::span<const T>(given), std::span<T>(out), "out of place");
  expect_sums<T>(out, group, 1, what + " out of place");
  values = given;
  allreduce.weighted_sum(std::span<T>(values), T{0.5}, "weighted");
  expect_sums<T>(values, group, T{0.5}, what + " weighted");
}

// Sums that round differently in different orders must still be the same bits on every rank.
inline void check_bits(comm::AllReduce& allreduce, comm::Communicator& group, size_t count) {
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i) {
    values[i] = 1.0F / static_cast<float>(i + 3 + static_cast<size_t>(group.rank()) * 7);
  }
  const float weight = 1.0F / static_cast<float>(group.rank() + 3);
  allreduce.weighted_sum(std::span<float>(values), weight, "rounded");
  const std::string mine(reinterpret_cast<const char*>(values.data()), count * sizeof(float));
  EXPECT_TRUE(comm::broadcast_text(group, mine, 0) == mine)
      << "rank " << group.rank() << " holds other bits than rank 0, " << count << " elements";
}

// `node` tells which ranks share memory: empty for the truth.
inline void check_algorithm(comm::Communicator& group, comm::Algorithm algorithm,
                            const std::string& node = "", unsigned seed = 1) {
  comm::AllReduceOptions options;
  options.algorithm = algorithm;
  options.node = node;
  comm::AllReduce allreduce(group, options);
  const std::string what = comm::name_of(algorithm);
  for (const size_t count : {0, 1, 2, 3, 7, 64, 1000, 4099, 32768, 70001}) {
    check_sums<float>(allreduce, group, count, what);
    check_sums<double>(allreduce, group, count, what);
    check_bits(allreduce, group, count);
  }
  std::mt19937 random(seed);  // the same on every rank
  for (int i = 0; i < 30; ++i) {
    const double digits = std::uniform_real_distribution<double>(0, 5.7)(random);
    const auto count = static_cast<size_t>(std::pow(10.0, digits));
    if (random() % 2 == 0) {
      check_sums<float>(allreduce, group, count, what);
    } else {
      check_sums<double>(allreduce, group, count, what);
    }
    if (i % 5 == 0) check_bits(allreduce, group, count);
  }
}

}  // namespace podium::test
