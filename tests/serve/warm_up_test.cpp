// Which batches a new version computes before it serves.
#include "serve/replica/warm_up.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

namespace podium::serve {
namespace {

using namespace std::chrono_literals;
using Sizes = std::vector<int>;

// Keeps the sizes of its batches; batches of `damaged` images are not finite.
class Recorder : public Predictor {
 public:
  explicit Recorder(int max_batch, int damaged = 0) : damaged_(damaged) {
    info_.channels = info_.height = info_.width = 1;
    info_.classes = 2;
    info_.max_batch = max_batch;
  }
  const ModelInfo& info() const override { return info_; }
  void predict(std::span<const uint8_t> images, int n, std::span<float> probabilities) override {
    EXPECT_EQ(images.size(), static_cast<size_t>(n));
    ASSERT_EQ(probabilities.size(), static_cast<size_t>(2 * n));
    std::ranges::fill(probabilities, 0.5F);
    if (n == damaged_) probabilities[0] = std::numeric_limits<float>::quiet_NaN();
    computed.push_back(n);
  }

  Sizes computed;

 private:
  ModelInfo info_;
  int damaged_;
};

// Pads to powers of two.
class Padding : public Recorder {
 public:
  using Recorder::Recorder;
  Sizes sizes_to_warm(int most) const override { return {1, 2, 4, most}; }
};

TEST(WarmUp, ComputesEverySizeTheLargestFirst) {
  Recorder model(16);
  const WarmUp done = warm_up(model, 5, 1h);
  EXPECT_EQ(done.sizes, (Sizes{5, 1, 2, 3, 4})) << "the replica's limit";
  EXPECT_EQ(model.computed, done.sizes);
  EXPECT_TRUE(done.finite);
  Recorder small(2);
  EXPECT_EQ(warm_up(small, 5, 1h).sizes, (Sizes{2, 1})) << "the model's limit";
}

TEST(WarmUp, TakesTheSizesOfTheModel) {
  Padding model(8);
  EXPECT_EQ(warm_up(model, 8, 1h).sizes, (Sizes{8, 1, 2, 4}));
}

TEST(WarmUp, BeginsNoBatchOnceItsTimeIsOver) {
  Recorder model(16);
  EXPECT_EQ(warm_up(model, 16, 0ms).sizes, Sizes{16}) << "the largest always is";
}

TEST(WarmUp, FindsOutputsThatAreNotFinite) {
  for (const int size : {1, 3, 8}) {
    Recorder model(8, size);
    EXPECT_FALSE(warm_up(model, 8, 1h).finite) << size;
  }
}

}  // namespace
}  // namespace podium::serve
