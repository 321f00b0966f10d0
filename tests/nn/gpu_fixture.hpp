// For tests of the backend for GPUs: the GPU at hand, and how near to the CPU's its results are.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <span>
#include <vector>

#include "core/random.hpp"
#include "gpu_test.hpp"
#include "nn/backend.hpp"

namespace podium::nn::test {

// Skips where there is no GPU.
class OnGpu : public testing::Test {
 protected:
  void SetUp() override { PODIUM_NEEDS_GPU(); }
};

inline std::unique_ptr<Ops> gpu_ops(Numerics numerics = {.rounding = Rounding::exact}) {
  return make_ops({probe_accelerators().devices.front().ordinal, ""}, 1, numerics);
}

// Standard normal numbers.
inline std::vector<float> random_values(size_t count, uint64_t seed) {
  Random random(seed);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(random.normal());
  return values;
}

// All within `share` of the largest expected value. A NaN is near nothing.
inline void expect_near(std::span<const float> actual, std::span<const float> expected,
                        double share, const char* what) {
  ASSERT_EQ(actual.size(), expected.size()) << what;
  float largest = 0;
  for (const float value : expected) largest = std::max(largest, std::abs(value));
  for (size_t i = 0; i < expected.size(); ++i) {
    ASSERT_LE(std::abs(actual[i] - expected[i]), share * largest)
        << what << " at " << i << " of " << expected.size() << ": " << actual[i] << " for "
        << expected[i];
  }
}

}  // namespace podium::nn::test
