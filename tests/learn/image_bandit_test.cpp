// ImageBandit: what it shows, what it rewards, and which images come.
#include "learn/image_bandit.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <set>
#include <vector>

#include "core/error.hpp"
#include "train/training_fixture.hpp"

namespace podium::learn {
namespace {

class ImageBanditTest : public testing::Test {
 protected:
  // The record of `split` with these bytes, or its size.
  uint32_t record_of(io::Split split, std::span<const std::byte> image, uint8_t* label) const {
    const auto count = static_cast<uint32_t>(dataset_->size(split));
    std::vector<uint8_t> other(image.size());
    for (uint32_t record = 0; record < count; ++record) {
      dataset_->gather(split, std::array{record}, other, {label, 1});
      if (std::memcmp(other.data(), image.data(), other.size()) == 0) return record;
    }
    return count;
  }

  const test::SyntheticCache cache_;
  std::shared_ptr<io::Dataset> dataset_ = std::make_shared<io::Dataset>(cache_.open());
};

TEST_F(ImageBanditTest, SaysWhatTheDataSetSays) {
  const ImageBandit bandit(dataset_, io::Split::train);
  EXPECT_EQ(bandit.info().type, ObservationType::image);
  EXPECT_EQ(bandit.info().shape, (nn::ImageShape{1, 8, 8}));
  EXPECT_EQ(bandit.info().actions, 4);
  EXPECT_EQ(bandit.info().observation_bytes(), 64u);
}

TEST_F(ImageBanditTest, RewardsTheLabelAloneAndEndsAtOnce) {
  ImageBandit bandit(dataset_, io::Split::train);
  std::vector<std::byte> observation(64);
  std::set<uint32_t> records;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    for (int action = 0; action < 4; ++action) {
      bandit.reset(seed, observation);
      uint8_t label = 0;
      records.insert(record_of(io::Split::train, observation, &label));
      const Outcome outcome = bandit.step(action, observation);
      EXPECT_EQ(outcome.reward, action == label ? 1.0F : 0.0F);
      EXPECT_EQ(outcome.ending, Ending::terminal);
    }
  }
  EXPECT_GT(records.size(), 30u) << "seeds draw images";
  EXPECT_LT(*records.rbegin(), dataset_->size(io::Split::train));
  EXPECT_THROW(bandit.step(0, observation), Error) << "the episode is over";
  bandit.reset(1, observation);
  EXPECT_THROW(bandit.step(4, observation), Error);
}

TEST_F(ImageBanditTest, ShowsEachImageToBeEvaluatedOnOnce) {
  ImageBandit bandit(dataset_, io::Split::validation);
  std::vector<std::byte> observation(64);
  uint8_t label = 0;
  for (uint32_t seed = 0; seed < 50; ++seed) {
    bandit.reset(seed, observation);
    EXPECT_EQ(record_of(io::Split::validation, observation, &label), seed);
  }
}

TEST(MakeEnvironment, KnowsTheNamesAndSaysWhatIsMissing) {
  EXPECT_EQ(make_environment({"cartpole", nullptr, io::Split::train})->info().actions, 2);
  const auto message = [](const char* name) {
    try {
      make_environment({name, nullptr, io::Split::train});
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::usage);
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_NE(message("carpole").find("'carpole'"), std::string::npos);
  EXPECT_NE(message("image_bandit").find("data set"), std::string::npos);
}

}  // namespace
}  // namespace podium::learn
