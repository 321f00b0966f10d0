#include "search/layout.hpp"

#include <gtest/gtest.h>

#include "core/error.hpp"

namespace podium::search {
namespace {

constexpr SearchPlace two_cores{1, 2, 1};

std::string complaint(std::string_view roles, const SearchPlace& place = two_cores) {
  try {
    SearchLayout::plan(roles, place);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::usage);
    return error.what();
  }
  return "";
}

TEST(SearchLayoutTest, CountsAreAsAskedFor) {
  const SearchLayout layout = SearchLayout::plan("ps=2,controller=3,child=6", two_cores);
  EXPECT_EQ(layout.servers(), 2);
  EXPECT_EQ(layout.controllers(), 3);
  EXPECT_EQ(layout.children(), 6);
  EXPECT_EQ(layout.children_per_controller(), 2);
  EXPECT_EQ(layout.turns_per_rank(), 2);
  EXPECT_EQ(layout.cores_for_children(), 2);
}

TEST(SearchLayoutTest, UnsetRolesKeepEveryCoreBusy) {
  const SearchLayout small = SearchLayout::plan("", two_cores);
  EXPECT_EQ(small.children_per_controller(), 2);
  EXPECT_EQ(small.children(), 4);
  const SearchLayout large = SearchLayout::plan("controller=4", {4, 16, 2});
  EXPECT_GE(large.children(), 32);
  EXPECT_EQ(large.children() % 4, 0);
  EXPECT_EQ(large.cores_for_children(), 64);
}

TEST(SearchLayoutTest, WhatIsChosenSuitsWhatIsAskedFor) {
  EXPECT_EQ(SearchLayout::plan("child=3", two_cores).controllers(), 1);
  EXPECT_EQ(SearchLayout::plan("child=4", two_cores).controllers(), 2);
  EXPECT_EQ(SearchLayout::plan("controller=8", two_cores).children(), 8);
  EXPECT_NE(complaint("controller=10").find("controller=10"), std::string::npos);
  EXPECT_EQ(SearchLayout::plan("", {4, 16, 1, 12}).children(), 12) << "for twelve networks";
  EXPECT_EQ(SearchLayout::plan("", {1, 2, 1, 1}).children(), 1);
  EXPECT_EQ(SearchLayout::plan("child=6", {4, 16, 1, 3}).children(), 6) << "as asked for";
}

TEST(SearchLayoutTest, WorkersAreDealtOverTheRanks) {
  const SearchLayout layout = SearchLayout::plan("controller=2,child=6", {3, 2, 1});
  std::vector<int> seen(static_cast<size_t>(layout.workers()));
  for (int rank = 0; rank < 3; ++rank) {
    const std::vector<int> mine = layout.workers_of(rank);
    int children = 0;
    for (const int worker : mine) {
      EXPECT_EQ(layout.rank_of(worker), rank);
      children += layout.is_controller(worker) ? 0 : 1;
      ++seen[static_cast<size_t>(worker)];
    }
    EXPECT_EQ(children, 2) << "children run on all ranks";
  }
  EXPECT_EQ(seen, std::vector<int>(seen.size(), 1));
}

TEST(SearchLayoutTest, ThreadsOfChildrenNeverExceedTheCores) {
  EXPECT_EQ(SearchLayout::plan("", {1, 8, 3}).turns_per_rank(), 2);
  EXPECT_EQ(SearchLayout::plan("", {1, 2, 2}).turns_per_rank(), 1);
  EXPECT_EQ(SearchLayout::plan("controller=1,child=1", {1, 8, 3}).cores_for_children(), 3);
}

TEST(SearchLayoutTest, NonsenseIsRefusedByName) {
  EXPECT_NE(complaint("ps=0").find("'ps'"), std::string::npos);
  EXPECT_NE(complaint("ps=-1").find("'ps'"), std::string::npos);
  EXPECT_NE(complaint("child").find("'child'"), std::string::npos);
  EXPECT_NE(complaint("train=2").find("no role 'train'"), std::string::npos);
  EXPECT_NE(complaint("ps=1,ps=2").find("twice"), std::string::npos);
  EXPECT_NE(complaint("ps=2,").find("no role ''"), std::string::npos);
  EXPECT_NE(complaint("controller=2,child=5").find("cannot be shared"), std::string::npos);
  EXPECT_NE(complaint("controller=1,child=9").find("at most 8"), std::string::npos);
  EXPECT_NE(complaint("ps=1000").find("ps=1000"), std::string::npos);
  EXPECT_NE(complaint("controller=1073741824").find("'controller' needs a count"),
            std::string::npos);
  EXPECT_EQ(complaint("controller=1,child=8"), "");
  EXPECT_EQ(complaint("controller=1,child=9", {2, 2, 1}), "");
}

}  // namespace
}  // namespace podium::search
