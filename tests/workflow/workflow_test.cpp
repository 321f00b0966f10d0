// The workflow's parts that need no job: who trains what, messages between roles, and the summary.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "comm/inproc/inproc_world.hpp"
#include "core/error.hpp"
#include "workflow/control_plane.hpp"
#include "workflow/evaluation_report.hpp"
#include "workflow/job.hpp"
#include "workflow/stop_requests.hpp"
#include "workflow/summary.hpp"

namespace podium::workflow {
namespace {

using Ranks = std::vector<std::vector<int>>;
using Work = std::vector<std::vector<size_t>>;

TEST(TrainerGroups, FewTrainersTrainOneModelAfterAnother) {
  const TrainerGroups groups = plan_groups({1, 2}, 3, 0);
  EXPECT_EQ(groups.ranks, (Ranks{{1, 2}}));
  EXPECT_EQ(groups.work, (Work{{0, 1, 2}}));
  EXPECT_EQ(groups.group_of(2), 0);
  EXPECT_EQ(groups.group_of(0), -1);
}

TEST(TrainerGroups, EnoughTrainersTrainModelsSideBySide) {
  EXPECT_EQ(plan_groups({1, 2, 3}, 3, 0).ranks, (Ranks{{1}, {2}, {3}}));
  EXPECT_EQ(plan_groups({1, 2, 3, 4, 5}, 3, 0).ranks, (Ranks{{1}, {2, 3}, {4, 5}}))
      << "later models get the trainers that do not divide";
  EXPECT_EQ(plan_groups({0, 1, 2, 3}, 3, 2).work, (Work{{0, 2}, {1}}));
}

TEST(TrainerGroups, EveryModelIsTrainedOnceByEveryPlan) {
  std::vector<int> trainers;
  for (int count = 1; count <= 9; ++count) {
    trainers.push_back(count);
    for (size_t models = 1; models <= 5; ++models) {
      const TrainerGroups groups = plan_groups(trainers, models, 0);
      std::vector<int> trained(models);
      size_t ranks = 0;
      for (size_t group = 0; group < groups.ranks.size(); ++group) {
        EXPECT_FALSE(groups.ranks[group].empty());
        ranks += groups.ranks[group].size();
        for (const size_t model : groups.work[group]) ++trained[model];
      }
      EXPECT_EQ(ranks, trainers.size());
      EXPECT_EQ(trained, std::vector<int>(models, 1));
    }
  }
}

TEST(TrainerGroups, MoreGroupsThanTrainersIsAUsageError) {
  EXPECT_THROW(plan_groups({1, 2}, 3, 3), Error);
}

TEST(ControlPlane, DeliversByMailboxInOrderOfSending) {
  comm::InprocWorld world(2);
  const auto first_group = world.communicator(0);
  const auto second_group = world.communicator(1);
  ControlPlane first(*first_group);
  ControlPlane second(*second_group);
  first.send(1, Mailbox::train, {{"order", "train"}});
  first.send(1, Mailbox::serve, {{"order", "deploy"}});
  first.send(1, Mailbox::train, {{"order", "test"}});
  EXPECT_EQ(second.receive(Mailbox::serve).at("order"), "deploy");
  EXPECT_EQ(second.receive(Mailbox::train).at("order"), "train");
  EXPECT_EQ(second.receive(Mailbox::train).at("order"), "test");
  EXPECT_FALSE(second.try_receive(Mailbox::train));
  EXPECT_FALSE(second.try_receive(Mailbox::conductor));
  first.flush();
}

Summary two_models() {
  Summary summary;
  for (const char* name : {"dense", "cnn"}) {
    summary.models.push_back({{{"name", name},
                               {"parameters", 100},
                               {"flops_per_image", 2'000'000},
                               {"val_accuracy", 0.9},
                               {"images_per_s", 1000.0},
                               {"train_s", 3.0}},
                              0.89,
                              4.5});
  }
  summary.selected = "cnn";
  summary.published_here = true;
  summary.time_to_first_service_s = 5;
  return summary;
}

TEST(Summary, TheResultCarriesTheKeysThatScriptsRead) {
  const Json result = two_models().result();
  for (const char* key : {"verb", "models", "selected", "time_to_first_service_s", "total_s"}) {
    EXPECT_TRUE(result.contains(key)) << key;
  }
  for (const char* key :
       {"name", "parameters", "val_accuracy", "test_accuracy", "images_per_s", "train_s"}) {
    EXPECT_TRUE(result.at("models")[0].contains(key)) << key;
  }
}

TEST(Summary, TheTableMarksThePublishedModel) {
  const std::string table = two_models().table();
  EXPECT_NE(table.find("* cnn"), std::string::npos) << table;
  EXPECT_EQ(table.find("* dense"), std::string::npos) << table;
}

TEST(Summary, AModelOfAnEarlierRunIsNotMarkedAsThisOnes) {
  Summary summary = two_models();
  summary.published_here = false;
  summary.version = 3;
  EXPECT_EQ(summary.table().find("* cnn"), std::string::npos) << summary.table();
  EXPECT_NE(summary.table().find("version 3 (cnn) of an earlier run"), std::string::npos);
}

TEST(Summary, WhatWasNotMeasuredIsNull) {
  Summary summary = two_models();
  summary.models[0].test_accuracy = -1;
  summary.time_to_first_service_s = -1;
  EXPECT_TRUE(summary.result().at("models")[0].at("test_accuracy").is_null());
  EXPECT_TRUE(summary.result().at("time_to_first_service_s").is_null());
}

// Names that a line must fit around, and a class that no record is of.
EvaluationReport small_report() {
  EvaluationReport report{{"cat", "dög", "a very long name of a class"}, train::Confusion(3)};
  report.confusion.add(0, 0, 7);
  report.confusion.add(0, 1, 2);
  report.confusion.add(1, 1, 3);
  report.confusion.add(1, 2, 1);
  return report;
}

TEST(EvaluationReport, JsonCarriesTheMatrixByTruthAndReadsBack) {
  const Json document = to_json(small_report());
  EXPECT_EQ(document.at("confusion"), Json::parse("[[7,2,0],[0,3,1],[0,0,0]]"));
  EXPECT_EQ(document.at("images"), 13);
  EXPECT_DOUBLE_EQ(document.at("accuracy").get<double>(), 10.0 / 13.0);
  const Json& dog = document.at("per_class")[1];
  EXPECT_EQ(dog.at("name"), "dög");
  EXPECT_DOUBLE_EQ(dog.at("precision").get<double>(), 3.0 / 5.0);
  EXPECT_DOUBLE_EQ(dog.at("recall").get<double>(), 3.0 / 4.0);
  EXPECT_EQ(dog.at("support"), 4);
  EXPECT_TRUE(document.at("per_class")[2].at("recall").is_null());

  const EvaluationReport back = evaluation_from_json(document, "memory");
  EXPECT_EQ(back.classes, small_report().classes);
  EXPECT_EQ(back.confusion, small_report().confusion);
}

TEST(EvaluationReport, DocumentsThatContradictThemselvesAreRefused) {
  for (const char* text :
       {"{}", R"({"classes":["a"],"confusion":[[1,2]]})",
        R"({"classes":["a","b"],"confusion":[[1]]})", R"({"classes":["a"],"confusion":[["x"]]})"}) {
    EXPECT_THROW(evaluation_from_json(Json::parse(text), "memory"), Error) << text;
  }
}

TEST(EvaluationReport, TheTableHasARowPerClassOfEqualColumns) {
  const std::string table = small_report().table();
  std::istringstream lines(table);
  std::vector<std::string> rows;
  for (std::string line; std::getline(lines, line);) rows.push_back(line);
  ASSERT_EQ(rows.size(), 5U) << table;
  EXPECT_EQ(rows[1].find("0.7778"), rows[2].find("0.7500") - 1) << "ö takes two bytes\n" << table;
  EXPECT_NE(rows[3].find("-"), std::string::npos) << table;
  EXPECT_NE(rows[4].find("accuracy 0.7692 of 13 images"), std::string::npos) << table;
}

TEST(EvaluationReport, OfManyClassesTheWorstAreShownAndResultsStayShort) {
  EvaluationReport report{{}, train::Confusion(40)};
  for (size_t i = 0; i < 40; ++i) {
    report.classes.push_back("class " + std::to_string(i));
    report.confusion.add(i, i == 7 ? 8 : i, 5);
  }
  const std::string table = report.table();
  EXPECT_LT(table.find("class 7 "), table.find("class 8 ")) << "the lowest F1 first\n" << table;
  EXPECT_EQ(table.find("class 39"), std::string::npos) << table;
  Json result;
  add_confusion(result, &report);
  EXPECT_TRUE(result.at("confusion").is_null() && result.at("per_class").is_null());
  const EvaluationReport small = small_report();
  add_confusion(result, &small);
  EXPECT_EQ(result.at("confusion").size(), 3U);
}

TEST(StopRequests, TheSecondOneEndsAtOnceButNotAnEchoOfTheFirst) {
  const auto start = SteadyClock::time_point() + std::chrono::hours(1);
  StopRequests stops;
  EXPECT_FALSE(stops.stop());
  stops.add(start);
  stops.add(start + StopRequests::echo);
  EXPECT_TRUE(stops.stop());
  EXPECT_FALSE(stops.at_once());
  stops.add(start + 2 * StopRequests::echo);
  EXPECT_TRUE(stops.at_once());
}

}  // namespace
}  // namespace podium::workflow
