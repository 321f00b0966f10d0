#include "learn/environment.hpp"

#include <gtest/gtest.h>

namespace podium::learn {
namespace {

TEST(EnvironmentInfo, CountsBytesByTheTypeOfObservation) {
  EnvironmentInfo info;
  info.shape = {1, 28, 28};
  info.type = ObservationType::image;
  EXPECT_EQ(info.observation_bytes(), 784u);
  info.type = ObservationType::vector;
  EXPECT_EQ(info.observation_bytes(), 784u * 4);
}

}  // namespace
}  // namespace podium::learn
