#include "io/augment.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <vector>

namespace podium::io {
namespace {

constexpr ImageShape shape{4, 5, 2};

std::vector<uint8_t> original() {
  std::vector<uint8_t> image(shape.bytes());
  for (size_t i = 0; i < image.size(); ++i) image[i] = static_cast<uint8_t>(i + 1);
  return image;
}

uint8_t pixel(const std::vector<uint8_t>& image, int64_t y, int64_t x, size_t channel) {
  if (y < 0 || y >= 4 || x < 0 || x >= 5) return 0;
  return image[(static_cast<size_t>(y) * 5 + static_cast<size_t>(x)) * 2 + channel];
}

std::vector<uint8_t> augmented(const Augmentation& augmentation, const AugmentationKey& key) {
  std::vector<uint8_t> image = original();
  std::vector<uint8_t> scratch(image.size());
  augment(augmentation, shape, key, image, scratch);
  return image;
}

// The shift (down, right) and flip that turn the original into `image`, computed pixel by pixel.
bool is_transform(const std::vector<uint8_t>& image, bool flipped, int64_t down, int64_t right) {
  const std::vector<uint8_t> from = original();
  for (int64_t y = 0; y < 4; ++y) {
    for (int64_t x = 0; x < 5; ++x) {
      const int64_t source_y = y - down;
      const int64_t source_x = x - right;
      const bool inside = source_y >= 0 && source_y < 4 && source_x >= 0 && source_x < 5;
      for (size_t channel = 0; channel < 2; ++channel) {
        const uint8_t expected =
            inside ? pixel(from, source_y, flipped ? 4 - source_x : source_x, channel) : 0;
        if (pixel(image, y, x, channel) != expected) return false;
      }
    }
  }
  return true;
}

TEST(Augment, NothingIsTheDefault) {
  EXPECT_FALSE(Augmentation{}.enabled());
  EXPECT_EQ(augmented({}, {1, 2, 3}), original());
}

TEST(Augment, FlipMirrorsAboutHalfOfTheImages) {
  int flipped = 0;
  for (uint64_t record = 0; record < 400; ++record) {
    const auto image = augmented({true, 0}, {1, 0, record});
    const bool is_flipped = is_transform(image, true, 0, 0);
    EXPECT_TRUE(is_flipped || is_transform(image, false, 0, 0));
    flipped += is_flipped;
  }
  EXPECT_GT(flipped, 150);
  EXPECT_LT(flipped, 250);
}

TEST(Augment, ShiftReachesEveryOffsetWithinItsBound) {
  std::map<std::pair<int64_t, int64_t>, int> seen;
  for (uint64_t record = 0; record < 1000; ++record) {
    const auto image = augmented({false, 2}, {1, 0, record});
    int matches = 0;
    for (int64_t down = -2; down <= 2; ++down) {
      for (int64_t right = -2; right <= 2; ++right) {
        if (!is_transform(image, false, down, right)) continue;
        ++matches;
        ++seen[{down, right}];
      }
    }
    ASSERT_EQ(matches, 1);
  }
  EXPECT_EQ(seen.size(), 25u);
}

TEST(Augment, DependsOnSeedEpochAndRecord) {
  const Augmentation both{true, 2};
  EXPECT_EQ(augmented(both, {1, 2, 3}), augmented(both, {1, 2, 3}));
  int same = 0;
  for (uint64_t i = 0; i < 100; ++i) {
    same += augmented(both, {i, 0, 0}) == augmented(both, {i + 1, 0, 0});
    same += augmented(both, {0, i, 0}) == augmented(both, {0, i + 1, 0});
    same += augmented(both, {0, 0, i}) == augmented(both, {0, 0, i + 1});
  }
  EXPECT_LT(same, 30);  // 1 in 50 by chance
}

}  // namespace
}  // namespace podium::io
