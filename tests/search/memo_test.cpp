#include "search/memo.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "temporary_folder.hpp"

namespace podium::search {
namespace {

using Json = nlohmann::ordered_json;

class SearchMemoTest : public testing::Test {
 protected:
  Memo open(const Json& identity = {{"seed", 1}}) const {
    return {file(), identity, Log(LogLevel::error, "test")};
  }
  std::filesystem::path file() const { return folder_.path() / "memo.jsonl"; }

  test::TemporaryFolder folder_;
};

TEST_F(SearchMemoTest, ResultsOutliveTheJob) {
  open().add("dense classes", {0.5, 3, 1.25, "given up", true});
  const Memo memo = open();
  const ChildResult* known = memo.find("dense classes");
  ASSERT_NE(known, nullptr);
  EXPECT_EQ(known->accuracy, 0.5);
  EXPECT_EQ(known->epochs, 3);
  EXPECT_EQ(known->seconds, 1.25);
  EXPECT_EQ(known->reason, "given up");
  EXPECT_EQ(memo.find("dense 2; dense classes"), nullptr);
}

TEST_F(SearchMemoTest, AnotherRecipeOrSeedIsAnotherResult) {
  open().add("dense classes", {0.5, 3, 1, "", true});
  EXPECT_EQ(open({{"seed", 2}}).find("dense classes"), nullptr);
}

TEST_F(SearchMemoTest, WhatMayEndOtherwiseIsKeptForTheJobAlone) {
  {
    Memo memo = open();
    memo.add("dense classes", {0, 0, 1, "2 children died of it", false});
    EXPECT_NE(memo.find("dense classes"), nullptr);
  }
  EXPECT_EQ(open().find("dense classes"), nullptr);
}

TEST_F(SearchMemoTest, HalfALineCostsThatLine) {
  open().add("dense 1; dense classes", {0.25, 3, 1, "", true});
  open().add("dense 2; dense classes", {0.5, 3, 1, "", true});
  std::filesystem::resize_file(file(), std::filesystem::file_size(file()) - 20);
  open().add("dense 3; dense classes", {0.75, 3, 1, "", true});
  const Memo memo = open();
  EXPECT_NE(memo.find("dense 1; dense classes"), nullptr);
  EXPECT_EQ(memo.find("dense 2; dense classes"), nullptr);
  ASSERT_NE(memo.find("dense 3; dense classes"), nullptr);
  EXPECT_EQ(memo.find("dense 3; dense classes")->accuracy, 0.75);
}

TEST_F(SearchMemoTest, AFullDiskCostsTheLineNotTheResult) {
  std::filesystem::create_symlink("/dev/full", file());
  Memo memo = open();
  memo.add("dense classes", {0.5, 3, 1, "", true});
  EXPECT_NE(memo.find("dense classes"), nullptr);
}

}  // namespace
}  // namespace podium::search
