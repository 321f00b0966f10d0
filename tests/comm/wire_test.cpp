// Values that are rounded between ranks: to the nearest, for every bit pattern; with the error
// kept, so that the mean of many sums is the true one; and the same bits on every rank by each
// algorithm.
#include "comm/allreduce/wire.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "comm/allreduce_checks.hpp"
#include "comm/thread_ranks.hpp"
#include "core/error.hpp"

namespace podium::comm {
namespace {

constexpr float infinite = std::numeric_limits<float>::infinity();

// What a 16-bit format is made of, in the words of IEEE 754.
struct Format {
  WireType type;
  int mantissa_bits;
  int least_exponent;
  double largest;
};
const Format bf16{WireType::bf16, 7, -126, 0x1.fep127};
const Format fp16{WireType::fp16, 10, -14, 65504};

// `value` rounded to the nearest of the format, ties to even, by the textbook.
double nearest(const Format& format, double value) {
  if (value == 0) return value;
  const int exponent = std::max(std::ilogb(value), format.least_exponent);
  const double unit = std::ldexp(1.0, exponent - format.mantissa_bits);
  const double rounded = std::nearbyint(value / unit) * unit;
  return std::clamp(rounded, -format.largest, format.largest);
}

struct Rounded {
  float value;
  float residual;
};
Rounded rounded(WireType type, float value) {
  Rounded result{value, 0};
  const Elements one = elements(std::span(&result.value, 1));
  Wire(type, one, &result.residual).round(nullptr, one);
  return result;
}

class WireFormat : public testing::TestWithParam<Format> {};

TEST_P(WireFormat, EveryPatternHasItsValueAndComesBack) {
  const Format format = GetParam();
  for (uint32_t pattern = 0; pattern < 0x10000; ++pattern) {
    const auto half = static_cast<uint16_t>(pattern);
    const int magnitude = half & 0x7fff;
    const int exponent = magnitude >> format.mantissa_bits;
    const int fraction = magnitude & ((1 << format.mantissa_bits) - 1);
    const bool special = exponent == (0x7fff >> format.mantissa_bits);
    double expected =
        std::ldexp(exponent == 0 ? fraction : fraction + (1 << format.mantissa_bits),
                   std::max(exponent, 1) - 1 + format.least_exponent - format.mantissa_bits);
    if (special) expected = fraction == 0 ? infinite : std::nan("");
    if (half & 0x8000) expected = -expected;
    float value = 0;
    const Elements one = elements(std::span(&value, 1));
    const Wire wire(format.type, one, nullptr);
    wire.unpack(one, reinterpret_cast<const std::byte*>(&half));
    if (std::isnan(expected)) {
      EXPECT_TRUE(std::isnan(value)) << pattern;
      continue;
    }
    ASSERT_EQ(value, expected) << pattern;
    ASSERT_EQ(std::signbit(value), (half & 0x8000) != 0) << pattern;
    uint16_t back = 0;
    wire.pack(reinterpret_cast<std::byte*>(&back), one);
    ASSERT_EQ(back, half);
  }
}

TEST_P(WireFormat, AnyFloatBecomesTheNearestAndTheErrorIsKept) {
  const Format format = GetParam();
  std::mt19937 random(7);
  for (int i = 0; i < 300'000; ++i) {
    uint32_t bits = static_cast<uint32_t>(random());
    if (i % 3 == 0) bits &= 0xfffff000;  // many ties
    float value = 0;
    std::memcpy(&value, &bits, sizeof value);
    if (!std::isfinite(value)) continue;
    const Rounded result = rounded(format.type, value);
    ASSERT_EQ(result.value, nearest(format, value)) << value;
    ASSERT_EQ(result.residual, value - result.value) << value;
  }
}

TEST_P(WireFormat, InfinitiesAndNansPassAndLeaveNothingOver) {
  for (const float value : {infinite, -infinite}) {
    EXPECT_EQ(rounded(GetParam().type, value).value, value);
    EXPECT_EQ(rounded(GetParam().type, value).residual, 0);
  }
  const Rounded none = rounded(GetParam().type, std::nanf(""));
  EXPECT_TRUE(std::isnan(none.value));
  EXPECT_EQ(none.residual, 0);
}

INSTANTIATE_TEST_SUITE_P(Each, WireFormat, testing::Values(bf16, fp16),
                         [](const auto& one) { return name_of(one.param.type); });

TEST(WireOptions, TheTypeIsParsed) {
  for (const WireType type : {WireType::fp32, WireType::bf16, WireType::fp16}) {
    EXPECT_EQ(parse_wire(name_of(type)), type);
  }
  EXPECT_THROW(parse_wire("fp8"), Error);
}

// By each algorithm, with ranks that are nodes of their own, or two to a node.
struct Way {
  Algorithm algorithm;
  int per_node;
  WireType type;
};

class RoundedSums : public testing::TestWithParam<Way> {
 protected:
  static AllReduceOptions options(const Communicator& group) {
    AllReduceOptions options;
    options.algorithm = GetParam().algorithm;
    options.wire = GetParam().type;
    options.node = "node " + std::to_string(group.rank() / GetParam().per_node);
    return options;
  }
  static void on_ranks(int ranks, const std::function<void(Communicator&, AllReduce&)>& body) {
    test::expect_no_errors(test::on_thread_ranks(ranks, [&](Communicator& group) {
      AllReduce allreduce(group, options(group));
      const bool messages = GetParam().algorithm != Algorithm::hierarchical;
      if (messages || group.size() > GetParam().per_node) {
        EXPECT_EQ(allreduce.wire_for(4000), GetParam().type);
      }
      body(group, allreduce);
    }));
  }
  // Values that no 16 bits hold, another one on each rank.
  static std::vector<float> some_values(size_t count, int rank) {
    std::vector<float> values(count);
    for (size_t i = 0; i < count; ++i) {
      values[i] = std::sin(static_cast<float>(i * 31 + static_cast<size_t>(rank) * 17 + 1));
    }
    return values;
  }
};

// Small integers are representable, and so are their sums: nothing may be lost.
TEST_P(RoundedSums, OfRepresentableValuesAreExact) {
  std::mt19937 random(3);
  for (const int ranks : {2, 3, 4, 5, 8}) {
    std::vector<size_t> counts = {0, 1, 2, 7, 1000, 70'001};
    for (int i = 0; i < 4; ++i) counts.push_back(random() % 300'000);
    on_ranks(ranks, [&](Communicator& group, AllReduce& allreduce) {
      for (const size_t count : counts) {
        std::vector<float> residual(count);
        std::vector<float> values(count);
        for (size_t i = 0; i < count; ++i) {
          values[i] = static_cast<float>(i % 23) + static_cast<float>(group.rank());
        }
        const std::vector<float> given = values;
        std::vector<float> out(count, -1);
        allreduce.weighted_sum(std::span(values), 1, "in place", residual);
        allreduce.sum(std::span<const float>(given), std::span(out), "out of place", residual);
        size_t wrong = 0;
        for (size_t i = 0; i < count; ++i) {
          const auto sum =
              static_cast<float>(ranks * static_cast<int>(i % 23) + ranks * (ranks - 1) / 2);
          wrong += values[i] != sum || out[i] != sum || residual[i] != 0 ? 1 : 0;
        }
        EXPECT_EQ(wrong, 0U) << count << " elements, rank " << group.rank() << " of " << ranks;
      }
    });
  }
}

TEST_P(RoundedSums, AreTheSameBitsOnEveryRank) {
  for (const int ranks : {2, 3, 4, 5, 8}) {
    on_ranks(ranks, [&](Communicator& group, AllReduce& allreduce) {
      for (const size_t count : {1UL, 100UL, 50'001UL}) {
        std::vector<float> residual(count);
        for (int round = 0; round < 3; ++round) {
          std::vector<float> values = some_values(count, group.rank());
          allreduce.weighted_sum(std::span(values), 0.3F, "rounded", residual);
          const std::string mine(reinterpret_cast<const char*>(values.data()), count * 4);
          EXPECT_TRUE(broadcast_text(group, mine, 0) == mine) << "rank " << group.rank();
        }
      }
    });
  }
}

// One sum is off by some last places of the 16-bit format; the mean of n by an n-th of that. With
// residuals that are thrown away the mean would be as far off as one sum.
TEST_P(RoundedSums, HaveAMeanThatTendsToTheTruth) {
  constexpr size_t count = 3000;
  constexpr int rounds = 64;
  for (const int ranks : {3, 4, 8}) {
    std::vector<double> truth(count, 0);
    for (int rank = 0; rank < ranks; ++rank) {
      const std::vector<float> values = some_values(count, rank);
      for (size_t i = 0; i < count; ++i) truth[i] += values[i];
    }
    on_ranks(ranks, [&](Communicator& group, AllReduce& allreduce) {
      std::vector<float> residual(count);
      std::vector<double> mean(count, 0);
      double worst_of_one = 0;
      double worst_of_mean = 0;
      for (int round = 0; round < rounds; ++round) {
        std::vector<float> values = some_values(count, group.rank());
        allreduce.sum(std::span(values), "again", residual);
        for (size_t i = 0; i < count; ++i) {
          mean[i] += values[i] / double{rounds};
          worst_of_one = std::max(worst_of_one, std::abs(values[i] - truth[i]));
        }
      }
      for (size_t i = 0; i < count; ++i) {
        worst_of_mean = std::max(worst_of_mean, std::abs(mean[i] - truth[i]));
      }
      EXPECT_GT(worst_of_one, 1e-4) << "nothing was rounded";
      EXPECT_LT(worst_of_mean, worst_of_one * 2 / rounds) << ranks << " ranks";
    });
  }
}

TEST_P(RoundedSums, LetInfinitiesAndNansThroughAndSaturate) {
  on_ranks(5, [&](Communicator& group, AllReduce& allreduce) {
    constexpr size_t count = 200;
    std::vector<float> residual(count);
    std::vector<float> values(count, 1);
    if (group.rank() == 3) {
      values[7] = std::nanf("");
      values[50] = infinite;
      values[199] = -infinite;
      values[100] = 60'000;
    }
    if (group.rank() == 1) values[100] = 60'000;
    allreduce.sum(std::span(values), "with infinities", residual);
    EXPECT_TRUE(std::isnan(values[7]));
    EXPECT_EQ(values[50], infinite);
    EXPECT_EQ(values[199], -infinite);
    EXPECT_TRUE(std::isfinite(values[100])) << values[100];
    EXPECT_EQ(values[8], 5);
    // What did not fit has not gone away: 120,003 come in the end.
    double total = values[100];
    for (int round = 0; round < 6; ++round) {
      values.assign(count, 0);
      allreduce.sum(std::span(values), "and zeros", residual);
      EXPECT_EQ(values[7], 0) << "a NaN was kept";
      EXPECT_EQ(values[50], 0);
      total += values[100];
    }
    EXPECT_NEAR(total, 120'003, 120'003 / 1000.0);
  });
}

INSTANTIATE_TEST_SUITE_P(Each, RoundedSums,
                         testing::Values(Way{Algorithm::ring, 9, WireType::bf16},
                                         Way{Algorithm::ring, 9, WireType::fp16},
                                         Way{Algorithm::halving, 9, WireType::bf16},
                                         Way{Algorithm::halving, 9, WireType::fp16},
                                         Way{Algorithm::tree, 9, WireType::bf16},
                                         Way{Algorithm::tree, 9, WireType::fp16},
                                         Way{Algorithm::hierarchical, 1, WireType::bf16},
                                         Way{Algorithm::hierarchical, 2, WireType::bf16},
                                         Way{Algorithm::hierarchical, 2, WireType::fp16}),
                         [](const auto& one) {
                           return std::string(name_of(one.param.algorithm)) + "_" +
                                  name_of(one.param.type) + "_" +
                                  std::to_string(one.param.per_node);
                         });

TEST(Wire, NothingIsRoundedInsideANode) {
  test::expect_no_errors(test::on_thread_ranks(3, [](Communicator& group) {
    AllReduceOptions options;
    options.algorithm = Algorithm::hierarchical;
    options.wire = WireType::bf16;
    options.node = "one";
    AllReduce allreduce(group, options);
    EXPECT_EQ(allreduce.wire_for(1 << 20), WireType::fp32);
    std::vector<float> values(10, 1.0F / 3);
    std::vector<float> residual(10);
    allreduce.sum(std::span(values), "as they are", residual);
    EXPECT_EQ(values[0], 1.0F / 3 + 1.0F / 3 + 1.0F / 3);
  }));
}

TEST(Wire, SumsWithoutAResidualAreNotRounded) {
  test::expect_no_errors(test::on_thread_ranks(2, [](Communicator& group) {
    AllReduceOptions options;
    options.algorithm = Algorithm::ring;
    options.wire = WireType::bf16;
    AllReduce allreduce(group, options);
    std::vector<float> values(10, 1.0F / 3);
    allreduce.sum(std::span(values), "statistics");
    EXPECT_EQ(values[0], 2.0F / 3);
  }));
}

TEST(Wire, ARankWithoutAResidualIsNamed) {
  for (const Algorithm algorithm : {Algorithm::ring, Algorithm::halving, Algorithm::tree}) {
    std::string all;
    for (const std::string& error : test::on_thread_ranks(3, [&](Communicator& group) {
           AllReduceOptions options;
           options.algorithm = algorithm;
           options.wire = WireType::fp16;
           AllReduce allreduce(group, options);
           group.set_policy({std::chrono::seconds(2), Backoff::Kind::hot});
           std::vector<float> values(1000);
           std::vector<float> residual(group.rank() == 1 ? 0 : 1000);
           allreduce.sum(std::span(values), "gradients", residual);
         })) {
      all += error + "\n";
    }
    EXPECT_NE(all.find("1000 floats as fp16"), std::string::npos) << all;
    EXPECT_NE(all.find("rank 1 is at sum 1, 'gradients', 1000 floats;"), std::string::npos) << all;
  }
}

TEST(Wire, MpiCannotRound) {
  for (const std::string& error : test::on_thread_ranks(2, [](Communicator& group) {
         AllReduceOptions options;
         options.algorithm = Algorithm::mpi;
         options.wire = WireType::fp16;
         AllReduce allreduce(group, options);
       })) {
    EXPECT_NE(error.find("--comm.wire=fp16"), std::string::npos) << error;
  }
}

}  // namespace
}  // namespace podium::comm
