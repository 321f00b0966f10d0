// What a report takes from a run folder, however the run went.
#include "report/run_data.hpp"

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "io/files/file_lock.hpp"
#include "report/run_folder.hpp"

namespace podium::report {
namespace {

Json ended(const std::string& verb, double t_s, Json more = Json::object()) {
  more["verb"] = verb;
  return {{"event", "ended"}, {"result", more}, {"t_s", t_s}};
}

TEST(RunData, TellsTheStateOfItsMainJob) {
  const RunFolder folder;
  folder.write_events({epoch("cnn", 1, 0.5, 0.6)});
  EXPECT_EQ(folder.read()["state"].text(), "unfinished");
  folder.write_events({epoch("cnn", 1, 0.5, 0.6), ended("run", 2)});
  EXPECT_EQ(folder.read()["state"].text(), "ended");
  folder.write_events({epoch("cnn", 1, 0.5, 0.6), ended("run", 2, {{"stopped_early", true}})});
  EXPECT_EQ(folder.read()["state"].text(), "stopped");
  folder.write_events({epoch("cnn", 1, 0.5, 0.6), {{"event", "failed"}, {"rank", 1}, {"t_s", 2}}});
  EXPECT_EQ(folder.read()["state"].text(), "failed");
  folder.write_events({});
  folder.write("config.cfg", "[run]\nmodels = cnn\n");
  EXPECT_EQ(folder.read()["state"].text(), "unknown");
}

TEST(RunData, SaysWhetherTheRunIsUnderWay) {
  const RunFolder folder;
  folder.write_events({epoch("cnn", 1, 0.5, 0.6)});
  const io::FileLock lock(folder.path() / "lock", std::chrono::milliseconds(0));
  EXPECT_EQ(folder.read()["state"].text(), "running");
}

TEST(RunData, KnowsJobsThatFollowEachOther) {
  const RunFolder folder;
  // A job that was killed, then one that went on from its checkpoint after the second epoch.
  folder.write_events({epoch("cnn", 1, 0.5, 0.6, 10), epoch("cnn", 2, 0.6, 0.7, 20),
                       epoch("cnn", 3, 0.7, 0.1, 30), epoch("cnn", 3, 0.7, 0.8, 5),
                       ended("run", 7, {{"total_s", 7}})});
  const RunData run = folder.read();
  EXPECT_EQ(run.own, (std::vector<size_t>{3, 4}));
  const std::vector<ModelView> models = models_of(run);
  ASSERT_EQ(models.size(), 1U);
  ASSERT_EQ(models[0].epochs.size(), 3U);
  EXPECT_EQ(models[0].epochs[2]["val_accuracy"].number(), 0.8);
  EXPECT_EQ(models[0].epochs[2].pointer(), "/runs/0/events/3");
}

TEST(RunData, IsAboutWhatTrainedNotAboutWhatCameLater) {
  const RunFolder folder;
  const auto of_job = [](const char* job, Json event) {
    event["job"] = job;
    return event;
  };
  folder.write_events({of_job("a", {{"event", "started"}, {"verb", "run"}, {"t_s", 0}}),
                       of_job("a", epoch("cnn", 1, 0.5, 0.6)),
                       of_job("b", {{"event", "started"}, {"verb", "serve"}, {"t_s", 0}}),
                       of_job("a", ended("run", 3)),
                       of_job("b", {{"event", "service"}, {"requests", 5}, {"t_s", 9}})});
  const RunData run = folder.read();
  EXPECT_EQ(run.own, (std::vector<size_t>{0, 1, 3}));
  EXPECT_EQ(run["state"].text(), "ended");
  EXPECT_EQ(run.verb(), "run");
  EXPECT_EQ(run.events("service").size(), 1U);
  EXPECT_FALSE(run.last("service"));
}

TEST(RunData, CountsWhatItCannotRead) {
  const RunFolder folder;
  folder.write("metrics.jsonl", epoch("cnn", 1, 0.5, 0.6).dump() + "\n[1,2]\n\n{\"event\":\"epo\n" +
                                    std::string("\xFF\xFE\0\n", 4) +
                                    epoch("cnn", 2, 0.6, 0.7).dump());
  folder.write("memo.jsonl", "{\"step\":\n");
  folder.write("evaluation/cnn-test.json", "{");
  folder.write("comparison.json", "7");
  const RunData run = folder.read();
  EXPECT_EQ(run["events"].size(), 2U);
  EXPECT_EQ(run["damaged"].number(), 6);
}

TEST(RunData, SurvivesEventsOfAnotherShape) {
  const RunFolder folder;
  folder.write_events({{{"event", 7}, {"t_s", "late"}},
                       {{"event", "epoch"}, {"model", {1, 2}}, {"epochs", "x"}},
                       {{"event", "selected"}, {"model", nullptr}},
                       {{"event", "ended"}, {"result", {{"models", {1, nullptr, "x"}}}}}});
  folder.write("config.cfg", "[\n]\n[a\nb\n=\nc = d\n");
  EXPECT_NO_THROW(models_of(folder.read()));
}

TEST(RunData, ThinsOutManyEventsOfAKind) {
  const RunFolder folder;
  std::vector<Json> events;
  for (int i = 0; i < 1201; ++i) events.push_back({{"event", "sample"}, {"sample", i}, {"t_s", i}});
  events.push_back(ended("search", 1201));
  folder.write_events(events);
  const RunData run = folder.read();
  const std::vector<Place> kept = run.events("sample");
  EXPECT_LE(kept.size(), 500U);
  EXPECT_EQ(kept.back()["sample"].number(), 1200);
  EXPECT_EQ(run["left_out"]["sample"].number(), 1201.0 - static_cast<double>(kept.size()));
  EXPECT_TRUE(run.result());
}

TEST(RunData, ASelectionKeepsWhatTrainingTold) {
  const Json trained = {{"model", "cnn"},
                        {"val_accuracy", 0.9},
                        {"wall_by_rank", Json::array({{{"wall_s", 1.5}, {"compute_s", 1.0}}})}};
  const Json listed = {{"name", "cnn"}, {"val_accuracy", 0.9}};
  const RunFolder folder;
  folder.write_events(
      {ended("train", 2, trained), ended("select", 1, {{"models", Json::array({listed})}})});
  const RunData run = folder.read();
  const std::vector<ModelView> models = models_of(run);
  ASSERT_EQ(models.size(), 1U);
  EXPECT_EQ(models[0].metrics["wall_by_rank"].size(), 1U);
}

TEST(RunData, NamesWhatDiffersFromTheDefaults) {
  const RunFolder folder;
  folder.write("config.cfg",
               "device = auto\n\n[train]\nlr = 0.1\nbatch = 64\n\n[model.cnn]\nlr = 0.05\n");
  const RunData run = folder.read(
      {{"device", "auto"}, {"train.lr", "0.1"}, {"train.batch", "128"}, {"model.*.lr", ""}});
  EXPECT_EQ(run["config"]["model.cnn.lr"].text(), "0.05");
  EXPECT_EQ(run.data["defaults"].dump(), R"({"train.batch":"128","model.cnn.lr":""})");
}

TEST(RunData, NamesRunsApart) {
  const test::TemporaryFolder folder;
  for (const char* name : {"a/run", "b/run"}) {
    std::filesystem::create_directories(folder.path() / name);
    std::ofstream(folder.path() / name / "config.cfg") << "device = cpu\n";
  }
  const auto runs = read_runs({folder.path() / "a/run", folder.path() / "b/run/"});
  EXPECT_EQ(runs[0].name, "a/run");
  EXPECT_EQ(runs[1].name, "b/run");
  EXPECT_EQ(runs[1]["name"].pointer(), "/runs/1/name");
}

TEST(RunData, RefusesWhatIsNoRun) {
  const RunFolder folder;
  EXPECT_THROW(folder.read(), Error);
  EXPECT_THROW(read_run(folder.path() / "nowhere"), Error);
  folder.write("file", "");
  EXPECT_THROW(read_run(folder.path() / "file"), Error);
}

}  // namespace
}  // namespace podium::report
