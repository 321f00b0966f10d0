// Spans from the threads that record them to trace.json: what is kept, what is left out, what a
// process that dies leaves, and how the clocks of machines are brought together.
#include "core/trace.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "core/clock_offset.hpp"
#include "core/span_names.hpp"
#include "core/trace_file.hpp"
#include "core/trace_merge.hpp"

namespace podium {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

class TraceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "podium-trace-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    run_dir_ = pattern;
  }
  void TearDown() override { fs::remove_all(run_dir_); }

  // The spans of trace.json, and nothing of what names its lanes.
  std::vector<Json> spans() const {
    std::vector<Json> all;
    const Json all_events = document().at("traceEvents");
    for (const Json& event : all_events) {
      if (event.at("ph") == "X") all.push_back(event);
    }
    return all;
  }
  Json document() const { return Json::parse(std::ifstream(run_dir_ / "trace.json")); }

  // A file as another machine may have left it.
  static void leave(const fs::path& path, const std::vector<Json>& lines) {
    std::ofstream file(path);
    for (const Json& line : lines) file << line.dump() << "\n";
  }
  static Json head(int rank, const std::string& clock) {
    return {{"process", "rank " + std::to_string(rank)},
            {"rank", rank},
            {"roles", "train"},
            {"node", "node of " + clock},
            {"clock", clock},
            {"at_ns", 0},
            {"wall_ns", 0}};
  }
  static Json one_span(const char* name, int64_t begin_ns, int64_t length_ns) {
    return {{"lane", 0}, {"names", {name}}, {"spans", {{0, begin_ns, length_ns}}}};
  }

  fs::path run_dir_;
  Log log_{LogLevel::error, "test"};
};

TEST_F(TraceTest, AnEmptyLaneRecordsNothing) {
  const Lane lane;
  EXPECT_FALSE(lane);
  const Timed span(lane, spans::forward);
  Tracer off;
  EXPECT_FALSE(off);
  EXPECT_FALSE(off.lane("train"));
  EXPECT_EQ(off.ticket().text(), "");
}

TEST_F(TraceTest, SpansOfSeveralThreadsComeTogether) {
  constexpr int threads = 4;
  constexpr int each = 3000;  // less than a ring, more than it has half full
  const fs::path folder = make_trace_folder(run_dir_, "train");
  {
    Tracer tracer({folder, 100000}, {"rank 0", 0, "train"}, log_);
    std::vector<std::thread> recording;
    for (int thread = 0; thread < threads; ++thread) {
      recording.emplace_back([&tracer, thread] {
        const Lane lane = tracer.lane("lane " + std::to_string(thread));
        for (int i = 0; i < each; ++i) {
          const Timed outer(lane, spans::backward);
          const Timed inner(lane, spans::wait);
        }
      });
      if (thread % 2 == 1) tracer.flush();
    }
    for (std::thread& thread : recording) thread.join();
  }
  const auto merged = merge_traces(run_dir_);
  ASSERT_TRUE(merged.has_value());
  EXPECT_EQ(merged->spans + merged->left_out, size_t{threads} * each * 2);
  EXPECT_GE(merged->spans, size_t{threads} * 4096);
  std::map<int, size_t> by_lane;
  for (const Json& span : spans()) {
    ++by_lane[span.at("tid").get<int>()];
    EXPECT_GE(span.at("dur").get<double>(), 0);
  }
  EXPECT_EQ(by_lane.size(), size_t{threads});
}

TEST_F(TraceTest, ALaneKeepsWhatItIsAllowedAndSaysWhatItLeftOut) {
  const fs::path folder = make_trace_folder(run_dir_, "train");
  {
    Tracer tracer({folder, 10}, {"rank 0", 0, "train"}, log_);
    const Lane lane = tracer.lane("train");
    for (int i = 0; i < 25; ++i) lane.add(spans::forward, i, i + 1);
  }
  const auto merged = merge_traces(run_dir_);
  EXPECT_EQ(merged->spans, 10U);
  EXPECT_EQ(merged->left_out, 15U);
  EXPECT_EQ(document().at("otherData").at("left_out"), Json::parse(R"([["rank 0","train",15]])"));
}

TEST_F(TraceTest, ALaneThatNobodyHoldsIsGivenAgain) {
  const fs::path folder = make_trace_folder(run_dir_, "train");
  {
    Tracer tracer({folder, 10}, {"rank 0", 0, "train"}, log_);
    {
      const Lane first = tracer.lane("train");
      first.add(spans::forward, 1, 2);
    }
    const Lane again = tracer.lane("train");
    again.add(spans::backward, 3, 4);
    const Lane beside = tracer.lane("train");
    beside.add(spans::wait, 1, 4);
  }
  merge_traces(run_dir_);
  std::map<std::string, int> lanes;
  for (const Json& span : spans()) lanes[span.at("name")] = span.at("tid");
  EXPECT_EQ(lanes.at("forward"), lanes.at("backward"));
  EXPECT_NE(lanes.at("forward"), lanes.at("wait"));
}

TEST_F(TraceTest, AProcessThatDiesLeavesItsSpans) {
  const fs::path folder = make_trace_folder(run_dir_, "train");
  EXPECT_EXIT(
      {
        Tracer tracer({folder, 100}, {"rank 0", 0, "train"}, log_);
        const Lane lane = tracer.lane("train");
        lane.add(spans::forward, 1000, 2000);
        tracer.flush();
        std::_Exit(9);
      },
      ::testing::ExitedWithCode(9), "");
  // And half a line.
  for (const auto& entry : fs::directory_iterator(folder)) {
    std::ofstream(entry.path(), std::ios::app) << R"({"lane":0,"names":["forw)";
  }
  const auto merged = merge_traces(run_dir_);
  ASSERT_TRUE(merged.has_value());
  EXPECT_EQ(merged->spans, 1U);
  EXPECT_EQ(spans().front().at("name"), "forward");
}

TEST_F(TraceTest, WorkersFollowTheRanks) {
  const fs::path folder = make_trace_folder(run_dir_, "serve");
  {
    const TraceTicket ticket =
        TraceTicket::parse(Tracer({folder, 10}, {"rank 1", 1, "serve"}, log_).ticket().text());
    Tracer worker(ticket, {"replica 0 of rank 1", 1, "serve"}, log_);
    worker.lane("requests").add(spans::request, 1, 2);
  }
  EXPECT_EQ(merge_traces(run_dir_)->processes, 2U);
  EXPECT_EQ(spans().front().at("pid"), 2);
}

TEST_F(TraceTest, AnEarlierJobOfTheFolderStaysOut) {
  const fs::path before = make_trace_folder(run_dir_, "a");
  leave(before / "rank-7.jsonl", {head(7, "m"), one_span("forward", 0, 5)});
  std::ofstream(run_dir_ / "trace.json") << "old";
  const fs::path now = run_dir_ / "trace" / "20990101T000000Z-train-1";
  fs::create_directory(now);
  leave(now / "rank-0.jsonl", {head(0, "m"), one_span("backward", 0, 5)});
  EXPECT_EQ(merge_traces(run_dir_)->processes, 1U);
  EXPECT_EQ(spans().front().at("name"), "backward");
  // By name the one before is still there.
  EXPECT_EQ(merge_traces(run_dir_, before)->processes, 1U);
  EXPECT_EQ(spans().front().at("pid"), 7);
}

TEST_F(TraceTest, ANewJobRemovesTheTraceOfTheOneBeforeAndOldFolders) {
  for (int i = 0; i < 12; ++i) {
    const auto name = "2001010" + std::to_string(i / 10) + "T00000" + std::to_string(i % 10);
    fs::create_directories(run_dir_ / "trace" / name);
  }
  std::ofstream(run_dir_ / "trace.json") << "old";
  const fs::path folder = make_trace_folder(run_dir_, "run");
  EXPECT_FALSE(fs::exists(run_dir_ / "trace.json"));
  EXPECT_TRUE(fs::exists(folder));
  EXPECT_EQ(std::distance(fs::directory_iterator(run_dir_ / "trace"), {}), 8);
  EXPECT_FALSE(merge_traces(run_dir_).has_value());
}

TEST_F(TraceTest, AFolderThatCannotBeWrittenCostsTheTraceAlone) {
  ::testing::internal::CaptureStderr();
  Tracer tracer({run_dir_ / "not there", 10}, {"rank 0", 0, ""}, Log(LogLevel::info, "test"));
  const std::string told = ::testing::internal::GetCapturedStderr();
  EXPECT_FALSE(tracer);
  EXPECT_FALSE(tracer.lane("train"));
  EXPECT_NE(told.find("there is no trace of rank 0"), std::string::npos) << told;
}

TEST_F(TraceTest, AFullDiskIsWarnedOfOnce) {
  ::testing::internal::CaptureStderr();
  {
    fs::create_symlink("/dev/full", run_dir_ / "rank-0.jsonl");
    Tracer tracer({run_dir_, 100}, {"rank 0", 0, ""}, Log(LogLevel::info, "test"));
    const Lane lane = tracer.lane("train");
    for (int i = 0; i < 100; ++i) lane.add(spans::forward, i, i + 1);
    tracer.flush();
    tracer.flush();
  }
  const std::string told = ::testing::internal::GetCapturedStderr();
  const size_t first = told.find("cannot append");
  EXPECT_NE(first, std::string::npos) << told;
  EXPECT_EQ(told.find("cannot append", first + 1), std::string::npos) << told;
}

TEST_F(TraceTest, MachinesAreBroughtOntoTheClockOfRank0) {
  const fs::path folder = make_trace_folder(run_dir_, "train");
  leave(folder / "rank-0.jsonl", {head(0, "a"), one_span("forward", 1'000'000, 1000)});
  // Ahead by 5 ms at first and by 7 ms later.
  leave(folder / "rank-1.jsonl",
        {head(1, "b"),
         {{"at_ns", 0}, {"offset_ns", 5'000'000}, {"error_ns", 200}},
         {{"at_ns", 20'000'000}, {"offset_ns", 7'000'000}, {"error_ns", 300}},
         one_span("backward", 10'000'000, 1000)});
  // Of the same machine, where one rank alone measures.
  leave(folder / "rank-2.jsonl", {head(2, "b"), one_span("wait", 10'000'000, 1000)});
  const auto merged = merge_traces(run_dir_);
  EXPECT_EQ(merged->error_ns, 300);
  std::map<std::string, double> begins;
  for (const Json& span : spans()) begins[span.at("name")] = span.at("ts");
  EXPECT_DOUBLE_EQ(begins.at("forward"), 0);
  EXPECT_DOUBLE_EQ(begins.at("backward"), 3000);  // 10 ms less 6 ms, from 1 ms on
  EXPECT_DOUBLE_EQ(begins.at("wait"), 3000);
}

TEST_F(TraceTest, AMachineThatNobodyMeasuredIsPlacedByTheTimeOfDay) {
  const fs::path folder = make_trace_folder(run_dir_, "train");
  Json other = head(1, "b");
  other["at_ns"] = 500'000;
  other["wall_ns"] = 2'000'000;
  leave(folder / "rank-0.jsonl", {head(0, "a"), one_span("forward", 0, 1000)});
  leave(folder / "rank-1.jsonl", {other, one_span("backward", 500'000, 1000)});
  EXPECT_FALSE(merge_traces(run_dir_)->error_ns.has_value());
  EXPECT_DOUBLE_EQ(spans().back().at("ts").get<double>(), 2000);
  EXPECT_TRUE(document().at("otherData").at("clock_error_us").is_null());
}

TEST(ClockOffset, TheQuickestRoundTripSaysMost) {
  // This clock is ahead by 1000; answers are late on the way back.
  const std::vector<RoundTrip> trips = {{2000, 1500, 4000}, {5000, 4040, 5100}, {6000, 5600, 9000}};
  const ClockOffset offset = estimate_offset(trips);
  EXPECT_EQ(offset.error_ns, 50);
  EXPECT_EQ(offset.offset_ns, 1010);
  EXPECT_LE(std::abs(offset.offset_ns - 1000), offset.error_ns);
}

TEST(ClockOffset, DriftsEvenlyBetweenTwoReadings) {
  const std::vector<ClockOffset> offsets = {{1000, 100, 1}, {2000, 200, 1}};
  EXPECT_EQ(on_rank_0(offsets, 500), 400);
  EXPECT_EQ(on_rank_0(offsets, 1500), 1350);
  EXPECT_EQ(on_rank_0(offsets, 2500), 2300);
}

TEST(TraceFile, WritesTheDocument) {
  TraceFile file;
  file.name_group(0, "rank 0: \"train\"");
  file.name_lane(0, 1, "train");
  file.tell("clock", "rank 0");
  file.add(0, 1, "wait", 1500, 2500);
  file.add(0, 1, "backward", 1500, 9999);
  const fs::path path = fs::temp_directory_path() / ("trace-" + std::to_string(::getpid()));
  file.write(path);
  EXPECT_EQ(Json::parse(std::ifstream(path)), file.document());
  EXPECT_EQ(file.document().at("traceEvents").at(3).at("name"), "backward");  // the longer first
  fs::remove(path);
}

}  // namespace
}  // namespace podium
