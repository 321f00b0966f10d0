// What filters leave out comes later: pushes and what is kept add up to what was given.
#include "ps/filters.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "core/random.hpp"
#include "ps/pushed.hpp"

namespace podium::ps {
namespace {

constexpr size_t first = 30;
constexpr size_t count = 5000;

std::vector<float> draws(uint64_t seed) {
  Random random(seed);
  std::vector<float> drawn(count);
  for (float& value : drawn) value = static_cast<float>(random.normal());
  return drawn;
}

TEST(Filters, RoundedPushesAddUp) {
  for (const Encoding encoding : {Encoding::fp16, Encoding::bf16}) {
    Residual residual(first, count);
    std::vector<double> given(count), pushed(count);
    std::vector<std::byte> encoded(count * 2);
    for (uint64_t step = 0; step < 200; ++step) {
      const std::vector<float> values = draws(step);
      residual.encode(encoding, first, values, encoded.data());
      ValueReader reader(encoding, encoded);
      for (size_t i = 0; i < count; ++i) {
        given[i] += values[i];
        pushed[i] += reader.next(1)[0];
      }
    }
    for (size_t i = 0; i < count; ++i) {
      ASSERT_NEAR(pushed[i] + residual.kept()[i], given[i], 1e-4) << i;
      ASSERT_LT(std::abs(residual.kept()[i]), 0.05) << i;  // it does not grow
    }
  }
}

TEST(Filters, SignificantPushesAddUp) {
  for (const bool rounded : {false, true}) {
    Residual residual(first, count);
    std::vector<double> given(count), pushed(count);
    std::vector<uint32_t> places;
    std::vector<float> chosen;
    size_t sent = 0;
    for (uint64_t step = 0; step < 50; ++step) {
      const std::vector<float> values = draws(step);
      ASSERT_TRUE(residual.choose(1.5F, first, values, places, chosen));
      sent += places.size();
      if (rounded) {
        std::vector<std::byte> encoded(chosen.size() * 2);
        residual.encode_chosen(Encoding::bf16, first, places, chosen, encoded.data());
        ValueReader reader(Encoding::bf16, encoded);
        for (float& value : chosen) value = reader.next(1)[0];
      }
      for (size_t i = 0; i < count; ++i) given[i] += values[i];
      for (size_t i = 0; i < places.size(); ++i) pushed[places[i]] += chosen[i];
    }
    for (size_t i = 0; i < count; ++i) {
      ASSERT_NEAR(pushed[i] + residual.kept()[i], given[i], 1e-4) << i;
    }
    EXPECT_LT(sent, 50 * count / 2);
    EXPECT_GT(sent, 50 * count / 50);
  }
}

TEST(Filters, PushesAllWhereMostIsSignificant) {
  Residual residual(first, 4);
  std::vector<uint32_t> places;
  std::vector<float> chosen;
  const std::vector<float> even = {1, 1, 1, 1};
  EXPECT_FALSE(residual.choose(0.5F, first, even, places, chosen));
  EXPECT_EQ(chosen, even);
  EXPECT_TRUE(places.empty());
  const std::vector<float> nan = {0, 0, std::nanf(""), 0};
  EXPECT_FALSE(residual.choose(0.5F, first, nan, places, chosen));  // seen at once
}

}  // namespace
}  // namespace podium::ps
