// The role layout: what each rank count gets by default, and every way to ask for the impossible.
#include "core/roles.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "core/error.hpp"

namespace podium {
namespace {

TEST(Roles, DefaultLayoutsByRankCount) {
  const std::map<int, std::string> expected = {
      {1, "ingest: 0 | train: 0 | ckpt: 0 | serve: 0"},
      {2, "ingest: 0 | train: 0-1 | ckpt: 1 | serve: 0"},
      {3, "ingest: 0 | train: 1-2 | ckpt: 0 | serve: 0"},
      {4, "ingest: 0 | train: 1-2 | ckpt: 3 | serve: 0"},
      {6, "ingest: 0 | train: 1-3 | ckpt: 4 | serve: 5"},
      {9, "ingest: 0 | train: 1-6 | ckpt: 7 | serve: 8"},
  };
  for (const auto& [ranks, text] : expected) {
    EXPECT_EQ(RoleLayout::plan("", ranks).describe(), text) << ranks << " ranks";
  }
}

TEST(Roles, EveryLayoutFillsEveryRoleWithinTheWorld) {
  for (int ranks = 1; ranks <= 70; ++ranks) {
    const RoleLayout layout = RoleLayout::plan("", ranks);
    std::vector<bool> busy(static_cast<size_t>(ranks));
    for (const Role role : all_roles) {
      ASSERT_FALSE(layout.ranks(role).empty()) << ranks;
      for (const int rank : layout.ranks(role)) busy.at(static_cast<size_t>(rank)) = true;
    }
    EXPECT_EQ(std::count(busy.begin(), busy.end(), false), 0) << ranks << " ranks";
  }
}

TEST(Roles, CountsAreHonoured) {
  const RoleLayout layout = RoleLayout::plan("ingest=1,train=2,ckpt=1,serve=2", 6);
  EXPECT_EQ(layout.describe(), "ingest: 0 | train: 1-2 | ckpt: 3 | serve: 4-5");
  EXPECT_TRUE(layout.plays(2, Role::train));
  EXPECT_FALSE(layout.plays(3, Role::train));
  EXPECT_EQ(layout.roles_of(4), std::vector<Role>{Role::serve});
}

TEST(Roles, ImpossibleLayoutsAreUsageErrorsThatNameTheRole) {
  for (const char* text : {"train=0", "train=-1", "train=5", "train", "train=two",
                           "train=1,train=2", "trian=1", "=1", "train=1,", "train=99999999999"}) {
    try {
      RoleLayout::plan(text, 4);
      ADD_FAILURE() << "accepted '" << text << "'";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::usage) << text;
      EXPECT_NE(std::string(error.what()).find("--roles"), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace podium
