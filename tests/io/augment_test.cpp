#include "io/image/augment.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include "core/hash.hpp"
#include "core/random.hpp"

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
  const std::vector<uint8_t> image = original();
  std::vector<uint8_t> target(image.size(), 77);
  augment(augmentation, shape, key, image.data(), target.data());
  return target;
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

TEST(Augment, AlternateFlipsMirrorOneHalfAndThenTheOther) {
  Augmentation alternate{true, 0};
  alternate.alternate = true;
  int flipped = 0;
  for (uint64_t record = 0; record < 400; ++record) {
    const bool at_first = is_transform(augmented(alternate, {1, 0, record}), true, 0, 0);
    flipped += at_first;
    for (uint64_t epoch = 1; epoch < 6; ++epoch) {
      const bool expected = at_first == (epoch % 2 == 0);
      EXPECT_TRUE(is_transform(augmented(alternate, {1, epoch, record}), expected, 0, 0));
    }
  }
  EXPECT_GT(flipped, 150);
  EXPECT_LT(flipped, 250);
}

TEST(Augment, CutoutCanBeginLater) {
  Augmentation late{false, 0, 2, 0};
  late.cutout_from = 3;
  EXPECT_EQ(augmented(late, {1, 2, 7}), original());
  EXPECT_NE(augmented(late, {1, 3, 7}), original());
  EXPECT_EQ(augmented(late, {1, 3, 7}), augmented({false, 0, 2, 0}, {1, 3, 7}));
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

// Golden: what seeds gave when flip and shift were all there was.
TEST(Augment, DrawsOfFlipAndShiftStayWhatTheyAre) {
  const auto draws = [](uint64_t record) {
    Random random(mix64(11 ^ 0x6175676d656e74), 4, record);
    const bool flipped = random.uniform() < 0.5;
    const auto down = static_cast<int64_t>(random.below(5)) - 2;
    const auto right = static_cast<int64_t>(random.below(5)) - 2;
    return std::tuple(flipped, down, right);
  };
  for (uint64_t record = 0; record < 200; ++record) {
    const auto [flipped, down, right] = draws(record);
    EXPECT_TRUE(is_transform(augmented({true, 2}, {11, 4, record}), flipped, down, right));
  }
}

TEST(Augment, FlipAndShiftOfAnyNumberOfChannels) {
  for (const size_t channels : {1, 2, 3, 4, 5}) {
    const ImageShape wide{3, 7, channels};
    std::vector<uint8_t> image(wide.bytes());
    for (size_t i = 0; i < image.size(); ++i) image[i] = static_cast<uint8_t>(i + 1);
    for (uint64_t record = 0; record < 50; ++record) {
      std::vector<uint8_t> grey(21);
      for (size_t i = 0; i < grey.size(); ++i) grey[i] = static_cast<uint8_t>(i + 1);
      std::vector<uint8_t> places(21);
      augment({true, 2}, {3, 7, 1}, {5, 0, record}, grey.data(), places.data());
      std::vector<uint8_t> target(image.size(), 99);
      augment({true, 2}, wide, {5, 0, record}, image.data(), target.data());
      // Every channel goes where the grey pixels went.
      for (size_t i = 0; i < places.size(); ++i) {
        for (size_t channel = 0; channel < channels; ++channel) {
          const size_t from = (places[i] - 1u) * channels + channel;
          EXPECT_EQ(target[i * channels + channel], places[i] == 0 ? 0 : image[from]);
        }
      }
    }
  }
}

// What differs from the original lies in one rectangle; returns its height and width.
std::pair<size_t, size_t> changed_rectangle(const ImageShape& size,
                                            const std::vector<uint8_t>& from,
                                            const std::vector<uint8_t>& image) {
  size_t top = size.height, bottom = 0, left = size.width, right = 0;
  for (size_t y = 0; y < size.height; ++y) {
    for (size_t x = 0; x < size.width * size.channels; ++x) {
      const size_t at = y * size.width * size.channels + x;
      if (from[at] == image[at]) continue;
      top = std::min(top, y);
      bottom = std::max(bottom, y + 1);
      left = std::min(left, x / size.channels);
      right = std::max(right, x / size.channels + 1);
    }
  }
  return bottom == 0 ? std::pair<size_t, size_t>{0, 0}
                     : std::pair<size_t, size_t>{bottom - top, right - left};
}

TEST(Augment, CutoutZeroesASquareClippedAtTheBorders) {
  const ImageShape size{20, 24, 3};
  const std::vector<uint8_t> from(size.bytes(), 200);
  std::vector<uint8_t> image(from.size());
  size_t whole = 0;
  size_t zeroed = 0;
  constexpr size_t images = 4000;
  for (uint64_t record = 0; record < images; ++record) {
    augment({false, 0, 5, 0}, size, {1, 0, record}, from.data(), image.data());
    const auto [height, width] = changed_rectangle(size, from, image);
    EXPECT_TRUE(height >= 3 && height <= 5 && width >= 3 && width <= 5);
    const auto zeros = static_cast<size_t>(std::ranges::count(image, uint8_t{0}));
    EXPECT_EQ(zeros, height * width * 3);
    zeroed += zeros / 3;
    whole += height == 5 && width == 5;
  }
  // A centre is at least 2 from each border with probability 16/20 * 20/24; the mean side is
  // 5 - 2 * (1 + 2) / 20 and 5 - 2 * (1 + 2) / 24.
  EXPECT_NEAR(static_cast<double>(whole) / images, 16.0 / 20 * 20 / 24, 0.04);
  EXPECT_NEAR(static_cast<double>(zeroed) / images, (5 - 6.0 / 20) * (5 - 6.0 / 24), 0.3);
}

TEST(Augment, ErasingFillsARectangleOfTheSaidAreaWithNoise) {
  const ImageShape size{32, 32, 1};
  const std::vector<uint8_t> from(size.bytes(), 0);
  std::vector<uint8_t> image(from.size());
  size_t erased = 0;
  std::vector<int> levels(256);
  for (uint64_t record = 0; record < 2000; ++record) {
    augment({false, 0, 0, 0.4}, size, {1, 0, record}, from.data(), image.data());
    const auto [height, width] = changed_rectangle(size, from, image);
    if (height == 0) continue;
    ++erased;
    // Noise may be 0 at a border, so the rectangle seen can be a little smaller.
    EXPECT_LE(static_cast<double>(height * width), 0.33 * 1024 + 32);
    EXPECT_GE(static_cast<double>(height * width), 0.02 * 1024 - 12);
    const double aspect = static_cast<double>(height) / static_cast<double>(width);
    EXPECT_LT(aspect, 5.0);
    EXPECT_GT(aspect, 0.2);
    for (const uint8_t pixel : image) ++levels[pixel];
  }
  EXPECT_NEAR(static_cast<double>(erased), 800, 6 * 22);  // 6 standard deviations
  const auto [least, most] = std::minmax_element(levels.begin() + 1, levels.end());
  EXPECT_GT(*least, *most / 2);
}

TEST(Augment, TinyImagesSurviveErasing) {
  for (const ImageShape size : {ImageShape{1, 1, 1}, ImageShape{1, 9, 3}, ImageShape{2, 2, 1}}) {
    const std::vector<uint8_t> from(size.bytes(), 7);
    std::vector<uint8_t> image(size.bytes());
    for (uint64_t record = 0; record < 100; ++record) {
      augment({true, 0, 1, 1.0}, size, {1, 0, record}, from.data(), image.data());
    }
  }
}

constexpr Augmentation everything{true, 3, 6, 0.5};

std::vector<uint8_t> ramp(const ImageShape& size) {
  std::vector<uint8_t> image(size.bytes());
  for (size_t i = 0; i < image.size(); ++i) image[i] = static_cast<uint8_t>(i * 37 + 11);
  return image;
}

// Golden: what seeds gave before draw() and apply() were two.
TEST(AugmentationDraw, ImagesStayWhatTheyAre) {
  Xxh3Stream stream;
  for (const size_t channels : {1, 3}) {
    const ImageShape size{19, 23, channels};
    const std::vector<uint8_t> from = ramp(size);
    std::vector<uint8_t> image(size.bytes());
    for (uint64_t record = 0; record < 500; ++record) {
      augment(everything, size, {7, 2, record}, from.data(), image.data());
      stream.update(std::as_bytes(std::span(image)));
    }
  }
  EXPECT_EQ(to_hex(stream.digest()), "0f4855b5749aa25e");
}

// What a device computes is what the host computes.
TEST(AugmentationDraw, PixelByPixelItGivesTheSameBits) {
  int erased = 0;
  for (const size_t channels : {1, 2, 3, 4}) {
    for (const auto& [height, width] : {std::pair{19U, 23U}, std::pair{8U, 8U}, {5U, 31U}}) {
      const ImageShape size{height, width, channels};
      const std::vector<uint8_t> from = ramp(size);
      std::vector<uint8_t> expected(size.bytes());
      for (uint64_t record = 0; record < 300; ++record) {
        const AugmentationDraw drawn = draw(everything, size, {3, 1, record});
        apply(drawn, size, from.data(), expected.data());
        erased += !drawn.erased.empty();
        for (size_t at = 0; at < expected.size(); ++at) {
          const auto pixel = static_cast<uint32_t>(at / channels);
          ASSERT_EQ(
              augmented_byte(drawn, from.data(), height, width, static_cast<uint32_t>(channels),
                             pixel / width, pixel % width, static_cast<uint32_t>(at % channels)),
              expected[at])
              << "record " << record << ", byte " << at << " of " << channels << " channels";
        }
      }
    }
  }
  EXPECT_GT(erased, 1000);
}

TEST(AugmentationDraw, AnyGroupOfNoiseIsKnownWithoutThoseBefore) {
  const ImageShape size{32, 32, 3};
  const Augmentation always{false, 0, 0, 1.0};
  const AugmentationDraw drawn = draw(always, size, {1, 0, 5});
  ASSERT_FALSE(drawn.erased.empty());
  const std::vector<uint8_t> from(size.bytes(), 0);
  std::vector<uint8_t> image(from.size());
  apply(drawn, size, from.data(), image.data());
  const uint64_t second_row = noise_of(drawn, noise_groups_per_row(drawn, 3));
  const size_t at = ((drawn.erased.top + 1) * 32 + drawn.erased.left) * 3;
  EXPECT_EQ(image[at], second_row & 0xff);
  EXPECT_EQ(image[at + 1], (second_row >> 8) & 0xff);
}

TEST(AugmentationDraw, NothingIsDrawnUnlessAskedFor) {
  EXPECT_EQ(draw({}, shape, {1, 2, 3}), AugmentationDraw{});
  EXPECT_EQ(draw(everything, shape, {1, 2, 3}), draw(everything, shape, {1, 2, 3}));
}

}  // namespace
}  // namespace podium::io
