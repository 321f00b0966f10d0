// The images a model was most certain about and wrong: the same on any number of ranks.
#include "train/mistakes.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <random>

#include "comm/thread_ranks.hpp"

namespace podium::train {
namespace {

constexpr io::ImageShape shape{2, 3, 1};

std::vector<uint8_t> image_of(uint32_t record) {
  return std::vector<uint8_t>(shape.bytes(), static_cast<uint8_t>(record));
}

Mistake mistake_of(uint32_t record) {
  std::mt19937 random(record);
  return {record, record % 7, record % 7 + 1, static_cast<float>(random() % 64) / 64, {}};
}

// (probability, record) of what 200 mistakes leave, by sorting all of them.
std::vector<std::pair<float, uint32_t>> expected() {
  std::vector<Mistake> all;
  for (uint32_t record = 0; record < 200; ++record) all.push_back(mistake_of(record));
  std::ranges::stable_sort(all, std::greater{}, &Mistake::probability);
  std::vector<std::pair<float, uint32_t>> found;
  for (size_t i = 0; i < Mistakes::most_kept; ++i) {
    found.emplace_back(all[i].probability, all[i].record);
  }
  return found;
}

std::vector<std::pair<float, uint32_t>> kept(const Mistakes& mistakes) {
  std::vector<std::pair<float, uint32_t>> found;
  for (const Mistake& mistake : mistakes.list()) {
    found.emplace_back(mistake.probability, mistake.record);
  }
  return found;
}

TEST(Mistakes, TheMostCertainOnesStay) {
  Mistakes mistakes(shape);
  for (uint32_t record = 200; record-- > 0;) mistakes.add(mistake_of(record), image_of(record));
  EXPECT_EQ(kept(mistakes), expected());
  const Mistake& first = mistakes.list().front();
  EXPECT_EQ(first.pixels, image_of(first.record));
  EXPECT_EQ(first.label, first.record % 7);
}

TEST(Mistakes, RanksEndWithTheSame) {
  test::expect_no_errors(test::on_thread_ranks(3, [](comm::Communicator& group) {
    Mistakes mistakes(shape);
    for (uint32_t record = 0; record < 200; ++record) {
      if (record % 3 != static_cast<uint32_t>(group.rank())) continue;
      mistakes.add(mistake_of(record), image_of(record));
    }
    mistakes.gather(group);
    if (group.rank() == 0) {
      EXPECT_EQ(kept(mistakes), expected());
      EXPECT_EQ(mistakes.list().back().pixels, image_of(mistakes.list().back().record));
    } else {
      EXPECT_TRUE(mistakes.list().empty());
    }
  }));
}

TEST(Mistakes, LargeImagesAreReduced) {
  const io::ImageShape large{130, 200, 3};
  std::vector<uint8_t> pixels(large.bytes());
  for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<uint8_t>(i % 3 * 100);
  Mistakes mistakes(large);
  mistakes.add(mistake_of(1), pixels);
  EXPECT_EQ(mistakes.shape(), (io::ImageShape{32, 50, 3}));
  const std::vector<uint8_t>& kept = mistakes.list().front().pixels;
  ASSERT_EQ(kept.size(), mistakes.shape().bytes());
  EXPECT_EQ(std::vector<uint8_t>(kept.end() - 3, kept.end()), (std::vector<uint8_t>{0, 100, 200}));
}

TEST(Mistakes, AreWrittenAsDigits) {
  Mistakes mistakes({1, 2, 1});
  mistakes.add({7, 1, 2, 0.75F, {}}, std::vector<uint8_t>{0x0A, 0xFF});
  EXPECT_EQ(to_json(mistakes).dump(),
            R"({"shape":[1,2,1],"list":[{"record":7,"label":1,"taken_for":2,"probability":0.75,)"
            R"("pixels":"0aff"}]})");
}

}  // namespace
}  // namespace podium::train
