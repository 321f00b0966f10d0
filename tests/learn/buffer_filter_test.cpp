#include "learn/buffer_filter.hpp"

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "learn/experiences.hpp"

namespace podium::learn {
namespace {

// Explorer 3, three steps, rewards 1, 0, 0.5.
bool passes(const char* text, uint64_t staleness = 2) {
  Experience made = test::experience(3, 0, 3);
  made.rewards = {1, 0, 0.5F};
  return BufferFilter(text).lets_pass(made, staleness);
}

std::string complaint(const std::string& text) {
  try {
    BufferFilter filter(text);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::usage);
    return error.what();
  }
  return "";
}

TEST(BufferFilter, ComparesEveryField) {
  EXPECT_TRUE(passes("reward == 0.5"));
  EXPECT_FALSE(passes("reward != 0.5"));
  EXPECT_TRUE(passes("return>=1.5"));
  EXPECT_FALSE(passes("return > 1.5"));
  EXPECT_TRUE(passes("staleness <= 2"));
  EXPECT_FALSE(passes("staleness < 2"));
  EXPECT_TRUE(passes("explorer == 3"));
  EXPECT_TRUE(passes("length == 3"));
  EXPECT_TRUE(passes("return > -1e3"));
}

TEST(BufferFilter, AndBindsBeforeOr) {
  EXPECT_TRUE(passes("length == 9 and reward == 0.5 or explorer == 3"));
  EXPECT_TRUE(passes("explorer == 3 or length == 9 and reward == 9"));
  EXPECT_FALSE(passes("length == 9 or explorer == 3 and reward == 9"));
  EXPECT_FALSE(passes("explorer == 3 and length == 9"));
}

TEST(BufferFilter, SaysWhereATextIsWrong) {
  EXPECT_NE(complaint("").find("character 1"), std::string::npos);
  EXPECT_NE(complaint("reword > 0").find("character 1"), std::string::npos);
  EXPECT_NE(complaint("reward = 0").find("character 8"), std::string::npos);
  EXPECT_NE(complaint("reward > zero").find("character 10"), std::string::npos);
  EXPECT_NE(complaint("reward > nan").find("character 10"), std::string::npos);
  EXPECT_NE(complaint("reward > inf").find("character 10"), std::string::npos);
  EXPECT_NE(complaint("reward > 0 length > 1").find("character 12"), std::string::npos);
  EXPECT_NE(complaint("reward > 0 and").find("character 15"), std::string::npos);
  EXPECT_NE(complaint(std::string(5000, ' ')).find("longer"), std::string::npos);
}

}  // namespace
}  // namespace podium::learn
