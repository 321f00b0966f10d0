#include "learn/layout.hpp"

#include <gtest/gtest.h>

#include "core/error.hpp"

namespace podium::learn {
namespace {

std::string refusal(const std::string& roles, int ranks) {
  try {
    LearnLayout::plan(roles, ranks);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::usage);
    return error.what();
  }
  return "";
}

TEST(LearnLayout, ChoosesWhatIsLeftOut) {
  const LearnLayout layout = LearnLayout::plan("", 3);
  EXPECT_EQ(layout.explorers(), 2);
  EXPECT_EQ(layout.trainers(), 3);
  EXPECT_EQ(layout.describe(), "2 explorers | 1 buffer | 3 trainers");
}

TEST(LearnLayout, DealsExplorersOverAllRanksAndTrainersAreTheFirst) {
  const LearnLayout layout = LearnLayout::plan("explorer=5,buffer=1,train=1", 2);
  EXPECT_EQ(layout.explorers_of(0), (std::vector<int>{0, 2, 4}));
  EXPECT_EQ(layout.explorers_of(1), (std::vector<int>{1, 3}));
  EXPECT_TRUE(layout.trains(0));
  EXPECT_FALSE(layout.trains(1));
}

TEST(LearnLayout, MayLeaveExploringToOtherJobs) {
  const LearnLayout layout = LearnLayout::plan("explorer=0", 2);
  EXPECT_EQ(layout.explorers(), 0);
  EXPECT_TRUE(layout.explorers_of(0).empty());
  EXPECT_EQ(layout.describe(), "0 explorers | 1 buffer | 2 trainers");
}

TEST(LearnLayout, NamesTheRoleAtFault) {
  EXPECT_NE(refusal("explorer=-1", 1).find("'explorer' needs a count"), std::string::npos);
  EXPECT_NE(refusal("train=0", 1).find("'train' needs a count from 1"), std::string::npos);
  EXPECT_NE(refusal("explorer", 1).find("'explorer' needs a count"), std::string::npos);
  EXPECT_NE(refusal("serve=1", 1).find("no role 'serve'"), std::string::npos);
  EXPECT_NE(refusal("train=1,train=1", 1).find("named twice"), std::string::npos);
  EXPECT_NE(refusal("train=3", 2).find("train=3 on 2 ranks"), std::string::npos);
  EXPECT_NE(refusal("buffer=2", 1).find("one buffer"), std::string::npos);
}

}  // namespace
}  // namespace podium::learn
