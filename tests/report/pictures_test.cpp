// The sections with pictures: what they show is proportional to what the run told, every number is
// one of its data, and a section without data is left out.
#include <gtest/gtest.h>

#include <fstream>

#include "report/sections.hpp"
#include "report/told_run.hpp"
#include "report/winner.hpp"
#include "temporary_folder.hpp"

namespace podium::report {
namespace {

using picture::of_kind;

Json epoch(const char* model, int number, double at, double seconds) {
  return {{"event", "epoch"},
          {"model", model},
          {"epochs", number},
          {"wall", {{"wall_s", seconds}}},
          {"t_s", at}};
}

Json job_events() {
  return Json::array(
      {{{"event", "started"},
        {"verb", "run"},
        {"nodes", {"a", "a", "b", "b"}},
        {"roles", {{"ingest", {0}}, {"train", {1, 2}}, {"ckpt", {1, 3}}, {"serve", {0, 3}}}}},
       {{"event", "ingested"}, {"seconds", 1.0}, {"bytes", 475200}, {"t_s", 2.0}},
       epoch("dense", 1, 4.0, 1.0),
       epoch("dense", 2, 6.0, 2.0),
       {{"event", "selected"}, {"model", {{"name", "dense"}}}, {"reason", "first"}, {"t_s", 7.0}},
       {{"event", "moved"},
        {"version", 1},
        {"bytes", 19456},
        {"shard_bytes", {9000, 10456}},
        {"seconds", 0.5},
        {"workers", 4},
        {"t_s", 7.5}},
       {{"event", "deployed"},
        {"rank", 0},
        {"name", "dense"},
        {"milliseconds", 500.0},
        {"t_s", 8.0}},
       {{"event", "tested"}, {"model", "dense"}, {"t_s", 9.0}},
       {{"event", "drained"}, {"rank", 0}, {"stats", {{"requests", 12}}}, {"t_s", 10.0}},
       {{"event", "ended"},
        {"result", {{"verb", "run"}, {"total_s", 10.0}, {"time_to_first_service_s", 8.0}}},
        {"t_s", 10.0}}});
}

TEST(StepsSection, AnEpochTwiceAsLongIsTwiceAsWide) {
  const std::string html = page_of(run_lanes_section, told_run(job_events()));
  const auto epochs = of_kind(html, "rect", "fill-train");
  ASSERT_EQ(epochs.size(), 3U);  // the legend's is first
  EXPECT_NEAR(percent(epochs[1], "x"), 30, 0.01);
  EXPECT_NEAR(percent(epochs[1], "width"), 10, 0.01);
  EXPECT_NEAR(percent(epochs[2], "width"), 20, 0.01);
  EXPECT_NEAR(percent(of_kind(html, "line", "moment")[0], "x1"), 80, 0.01);
  EXPECT_NE(html.find("first service "), std::string::npos);
  EXPECT_EQ(wrong_numbers(html), std::vector<std::string>{});
}

TEST(StepsSection, JobsOfAPipelineStandWhereTheyBegan) {
  Json events = Json::array();
  for (const auto& [job, time] :
       {std::pair{"old", "2026-11-28T01:00:00Z"}, std::pair{"one", "2026-11-29T01:00:00Z"},
        std::pair{"two", "2026-11-29T01:00:10Z"}}) {
    events.push_back(
        {{"event", "started"}, {"verb", "train"}, {"job", job}, {"time", time}, {"t_s", 0.0}});
    Json own = epoch(job, 1, 5.0, 5.0);
    own["job"] = job;
    events.push_back(own);
  }
  RunData run = told_run(events);
  run.last_job = 4;
  const auto epochs = of_kind(page_of(run_lanes_section, run), "rect", "fill-train");
  ASSERT_EQ(epochs.size(), 3U);
  EXPECT_NEAR(percent(epochs[1], "x"), 0, 0.01);
  EXPECT_NEAR(percent(epochs[2], "x"), 100 * 10 / 15.0, 0.01);
}

TEST(PodsSection, RanksStandOnTheirNodesAndEdgesTellBytes) {
  const std::string html = page_of(pods_section, told_run(job_events()));
  EXPECT_EQ(of_kind(html, "rect", "room").size(), 2U);
  EXPECT_EQ(of_kind(html, "rect", "fill-train").size(), 1 + 2U);
  EXPECT_EQ(of_kind(html, "rect", "fill-ckpt").size(), 1 + 2U);
  EXPECT_EQ(of_kind(html, "rect", "fill-inference").size(), 1 + 2U);
  for (const char* word : {"pod: a", "pod: b", "2 replicas", ">19.5 kB<", ">9.00 kB<", ">10.5 kB<",
                           ">475 kB<", "broadcast: "}) {
    EXPECT_NE(html.find(word), std::string::npos) << word;
  }
  EXPECT_EQ(wrong_numbers(html), std::vector<std::string>{});
}

TEST(PodsSection, WhatRolesSaidAtTheirEndWillDo) {
  Json events = Json::array();
  for (const auto& [role, rank] :
       {std::pair{"train", 1}, std::pair{"ckpt", 2}, std::pair{"serve", 0}}) {
    events.push_back({{"event", "left"}, {"role", role}, {"rank", rank}});
  }
  EXPECT_EQ(sections_of(pods_section, told_run(events)), std::vector<std::string>{"pods"});
}

// A trace with one update of two devices, behind it a lonely span.
void write_trace(const std::filesystem::path& folder) {
  const auto named = [](int process, const char* name) {
    return Json{
        {"ph", "M"}, {"name", "process_name"}, {"pid", process}, {"args", {{"name", name}}}};
  };
  const auto span = [](int process, const char* name, double begin_us, double us) {
    return Json{{"ph", "X"}, {"name", name},   {"pid", process},
                {"tid", 0},  {"ts", begin_us}, {"dur", us}};
  };
  const Json events = {named(0, "rank 1"),
                       named(1, "rank 3"),
                       span(0, "H2D", 1000, 1000),
                       span(0, "broadcast (src)", 2000, 1000),
                       span(1, "broadcast (dst)", 2000, 1000),
                       span(1, "reload weights", 3000, 2000),
                       span(0, "forward", 0, 100000),
                       span(1, "reload weights", 90000, 1000)};
  std::ofstream(folder / "trace.json") << Json{{"traceEvents", events}};
}

TEST(UpdateSection, ShowsTheUpdateOfTheTraceDeviceByDevice) {
  const test::TemporaryFolder folder;
  write_trace(folder.path());
  RunData run = told_run(Json::array());
  run.folder = folder.path();
  const std::string html = page_of(update_section, run);
  const auto reloads = of_kind(html, "rect", "fill-inference");
  ASSERT_EQ(reloads.size(), 2U);
  EXPECT_NEAR(percent(reloads[1], "x"), 50, 0.01);
  EXPECT_NEAR(percent(reloads[1], "width"), 50, 0.01);
  EXPECT_NEAR(percent(of_kind(html, "rect", "fill-h2d")[1], "width"), 25, 0.01);
  EXPECT_NE(html.find(">4.00 ms<"), std::string::npos);
  EXPECT_EQ(wrong_numbers(html), std::vector<std::string>{});
}

TEST(LearnSection, WithoutATraceTimesAreAddedUp) {
  const Json result = {{"verb", "learn"},
                       {"mode", "synchronous"},
                       {"utilisation", 0.5},
                       {"explorer_time", {{"rollout_s", 1.0}, {"wait_for_weights_s", 3.0}}},
                       {"trainer_time", {{"train_s", 2.0}}}};
  const std::string html = page_of(
      learn_lanes_section, told_run(Json::array({{{"event", "ended"}, {"result", result}}})));
  EXPECT_NEAR(percent(of_kind(html, "rect", "fill-rollout")[1], "width"), 25, 0.01);
  EXPECT_NEAR(percent(of_kind(html, "rect", "fill-wait")[1], "width"), 75, 0.01);
  EXPECT_NEAR(percent(of_kind(html, "rect", "fill-train")[1], "width"), 50, 0.01);
  EXPECT_EQ(wrong_numbers(html), std::vector<std::string>{});
}

TEST(LearnSection, DrawsReturnsOverUpdates) {
  Json events = Json::array();
  for (int i = 1; i <= 3; ++i) {
    events.push_back({{"event", "batch"},
                      {"batch", i},
                      {"updates", 4 * i},
                      {"mean_return", 10.0 * i},
                      {"ready", 0}});
  }
  const Json result = {{"verb", "learn"}, {"mean_return", 42.5}};
  events.push_back({{"event", "ended"}, {"result", result}});
  const std::string html = page_of(learn_lanes_section, told_run(events));
  EXPECT_NE(html.find("Returns while learning"), std::string::npos);
  EXPECT_NE(html.find(">42.5<"), std::string::npos);
  EXPECT_EQ(wrong_numbers(html), std::vector<std::string>{});
}

Json samples() {
  Json events = Json::array();
  for (int i = 1; i <= 10; ++i) {
    events.push_back({{"event", "sample"},
                      {"sample", i},
                      {"architecture", "conv 4 3; bn; relu; gap; dense classes"},
                      {"reward", 0.05 * i},
                      {"best_reward", 0.05 * i}});
  }
  return events;
}

TEST(SearchSection, ADotForEachSampleAndTheWinnerDrawn) {
  const std::string html =
      page_of(search_section, told_run(samples(), {{"io.source", "synthetic:100,12,10,1,4"}}));
  EXPECT_EQ(of_kind(html, "circle", "pale").size(), 10 + 1U);
  EXPECT_EQ(of_kind(html, "polyline", "series").size(), 2U);
  for (const char* word : {"conv 4, 3×3", "4 × 12 × 10", "dense 4", "gap; dense classes"}) {
    EXPECT_NE(html.find(word), std::string::npos) << word;
  }
  EXPECT_EQ(wrong_numbers(html), std::vector<std::string>{});
}

TEST(SearchSection, SearchesBesideEachOtherShareAChart) {
  std::vector<RunData> runs = {told_run(samples()), told_run(samples())};
  runs[1].index = 1;
  runs[1].name = "control";
  const std::string html = page_of(search_section, runs);
  EXPECT_NE(html.find("Running means of all searches"), std::string::npos);
  EXPECT_EQ(of_kind(html, "polyline", "series").size(), 2 * 2 + 2U);
  EXPECT_EQ(wrong_numbers(html), std::vector<std::string>{});
}

TEST(Winner, SkipsLeadToTheSumsThatAddThem) {
  const auto residual = draw_network("conv 8 3; bn; relu; res 8 1; gap; dense classes", "mnist");
  ASSERT_TRUE(residual);
  ASSERT_EQ(residual->skips.size(), 1U);
  EXPECT_EQ(residual->blocks[residual->skips[0].to].text.substr(0, 3), "add");
  EXPECT_EQ(residual->blocks[residual->skips[0].from].text, "batch norm + relu");
  const auto kept = draw_network("conv 8 3; keep 1; relu; conv 8 3; add 1; gap; dense classes", "");
  ASSERT_TRUE(kept);
  ASSERT_EQ(kept->skips.size(), 1U);
  EXPECT_TRUE(kept->blocks[1].shape.empty());  // a source whose images are not known
  const auto shortcut = draw_network("conv 8 3; res 16 2; gap; dense classes", "cifar10");
  ASSERT_TRUE(shortcut);
  EXPECT_EQ(shortcut->skips.size(), 1U);
  EXPECT_FALSE(draw_network("cnv 8 3", "mnist"));
}

Json bench(const char* what, Json rows) {
  return Json::array(
      {{{"event", "ended"},
        {"result", {{"verb", "bench"}, {"what", what}, {"rows", std::move(rows)}}}}});
}

TEST(AllReduceSection, AnAlgorithmTwiceAsFastStandsTwiceAsHigh) {
  const auto row = [](int bytes, double speed) {
    return Json{{"bytes", bytes},          {"algorithm", "ring"}, {"ours", 10.0 / speed},
                {"busbw_gb_per_s", speed}, {"theirs", 10.0},      {"limit", 2.5},
                {"ratio", speed}};
  };
  const std::string html =
      page_of(allreduce_section, told_run(bench("allreduce", {row(1000, 1), row(2000, 2)})));
  const auto dots = of_kind(html, "circle", "fill-s0");
  ASSERT_EQ(dots.size(), 2U);
  const auto peers = of_kind(html, "circle", "fill-s1");
  ASSERT_EQ(peers.size(), 2U);  // one of ours a time
  EXPECT_NEAR(picture::number(peers[0], "cy"), picture::number(dots[0], "cy"), 0.01);
  const double rise = picture::number(dots[0], "cy") - picture::number(dots[1], "cy");
  const double limit = picture::number(of_kind(html, "line", "ideal")[0], "y1");
  EXPECT_NEAR(picture::number(dots[1], "cy") - limit, 2 * rise, 0.05);  // of 4 GB/s
  EXPECT_EQ(wrong_numbers(html), std::vector<std::string>{});
}

TEST(ScalingSection, APanelForEachModeWithTheIdealAndTheSpread) {
  Json rows = Json::array();
  for (const char* mode : {"strong", "weak"}) {
    for (const int ranks : {1, 2, 4}) {
      rows.push_back({{"model", "cnn"},
                      {"mode", mode},
                      {"ranks", ranks},
                      {"kind", "measured"},
                      {"ours", 100.0},
                      {"least", 90.0},
                      {"most", 120.0},
                      {"speedup", ranks * 0.9},
                      {"efficiency", 0.9}});
    }
  }
  const std::string html = page_of(scaling_section, told_run(bench("scaling", rows)));
  EXPECT_EQ(of_kind(html, "line", "ideal").size(), 2U);
  EXPECT_EQ(of_kind(html, "circle", "fill-s0").size(), 6U);
  EXPECT_EQ(of_kind(html, "path", "line-s0").size(), 6U);
  EXPECT_EQ(wrong_numbers(html), std::vector<std::string>{});
}

TEST(ServingSection, DeathsAndSwapsAreMarkedInTheTimeline) {
  Json events = Json::array();
  for (int i = 1; i <= 5; ++i) {
    events.push_back({{"event", "service"},
                      {"seconds", 1.0},
                      {"requests", 100 * i},
                      {"failed", 0},
                      {"p50_ms", 1.0},
                      {"p99_ms", 2.0 * i},
                      {"latencies", Json::array({{1.048576, 10}, {1.572864, 20}})},
                      {"t_s", i}});
  }
  events.push_back({{"event", "replica_died"}, {"replica", "0"}, {"t_s", 2.5}});
  events.push_back({{"event", "replica_started"}, {"replica", "0"}, {"restarts", 1}, {"t_s", 3.5}});
  events.push_back({{"event", "swapped"}, {"version", 2}, {"swap_ms", 1.0}, {"t_s", 4.5}});
  events.push_back({{"event", "ended"},
                    {"result",
                     {{"verb", "serve"},
                      {"requests", 1500},
                      {"failed", 0},
                      {"p50_ms", 1.0},
                      {"p99_ms", 9.0},
                      {"swaps", 1}}}});
  for (Json& event : events) event["job"] = "one";  // they are not in the order of time
  const std::string html = page_of(serving_section, told_run(events));
  EXPECT_EQ(of_kind(html, "line", "moment").size(), 2 * 3U);
  const auto bars = of_kind(html, "rect", "fill-s0");
  ASSERT_EQ(bars.size(), 2U);
  EXPECT_NEAR(picture::number(bars[1], "height"), 2 * picture::number(bars[0], "height"), 0.02);
  for (const char* word : {"died", "back", "1,500"}) {
    EXPECT_NE(html.find(word), std::string::npos) << word;
  }
  EXPECT_EQ(wrong_numbers(html), std::vector<std::string>{});
}

TEST(PictureSections, WithoutDataThereIsNone) {
  const RunData run = told_run(Json::array());
  for (const SectionOf section :
       {run_lanes_section, pods_section, update_section, serving_section, learn_lanes_section,
        search_section, allreduce_section, scaling_section}) {
    EXPECT_TRUE(sections_of(section, run).empty());
  }
}

}  // namespace
}  // namespace podium::report
