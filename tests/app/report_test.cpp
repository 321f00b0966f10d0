// `podium report` about real runs: every number of the page is one of the run folder's, a wrong one
// is noticed, damaged folders give a page or one clear line.
#include <nlohmann/json.hpp>

#include <fstream>
#include <iterator>

#include "app_fixture.hpp"
#include "python.hpp"

namespace podium::test {
namespace {

namespace fs = std::filesystem;

std::string content(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

class Report : public AppTest {
 protected:
  fs::path page() const { return folder() / "page.html"; }

  std::unique_ptr<Process> report(const Words& runs) const {
    return std::make_unique<Process>(
        joined(joined({PODIUM_EXECUTABLE, "report"}, runs), {"--output=" + page().string()}));
  }

  // What check_report.py says about the page.
  static std::unique_ptr<Process> check(const fs::path& html, const Words& runs) {
    return std::make_unique<Process>(
        joined({"python3", PODIUM_PROJECT "/tests/app/check_report.py", html.string()}, runs));
  }

  void SetUp() override {
    if (find_python("xml.etree, html.parser").empty()) GTEST_SKIP() << "there is no python3";
  }
};

TEST_F(Report, NumbersAreThoseOfTheRunFolder) {
  const auto job = start(2, "run");
  ASSERT_EQ(job->wait(), 0) << job->err();
  const Words runs = {run_dir().string()};
  const auto made = report(runs);
  ASSERT_EQ(made->wait(), 0) << made->err();
  const auto result = made->result();
  EXPECT_EQ(result.at("verb"), "report");
  EXPECT_EQ(result.at("runs"), 1);
  EXPECT_EQ(result.at("bytes"), fs::file_size(page()));
  EXPECT_LT(fs::file_size(page()), 1'000'000U);
  for (const char* section : {"summary", "curves", "confusion", "configuration", "facts"}) {
    const auto& sections = result.at("sections");
    EXPECT_EQ(std::count(sections.begin(), sections.end(), section), 1) << section;
  }
  const auto checked = check(page(), runs);
  EXPECT_EQ(checked->wait(), 0) << checked->out() << checked->err();
  EXPECT_NE(checked->out().find("numbers"), std::string::npos) << checked->out();

  // A wrong number is noticed: in the page, in a picture, and in the data.
  const std::string good = content(page());
  const fs::path planted = folder() / "planted.html";
  const auto plant = [&](const std::string& before, const std::string& after) {
    const size_t at = good.find(before);
    ASSERT_NE(at, std::string::npos) << before;
    write(planted, std::string(good).replace(at, before.size(), after));
    EXPECT_EQ(check(planted, runs)->wait(), 1) << before;
  };
  const size_t percent = good.find(" %</data>");
  ASSERT_NE(percent, std::string::npos);
  const std::string digit = good.substr(percent - 1, 1);
  plant(digit + " %</data>", (digit == "1" ? "2" : "1") + std::string(" %</data>"));
  plant(" cy=\"", " cy=\"9");
  plant("\"val_accuracy\":0.", "\"val_accuracy\":0.1");
}

TEST_F(Report, LaysRunsSideBySide) {
  const auto first = start(1, "run", {"--run.models=dense"});
  ASSERT_EQ(first->wait(), 0) << first->err();
  const fs::path other = folder() / "other";
  fs::copy(run_dir(), other, fs::copy_options::recursive);
  std::string events = content(other / "metrics.jsonl");
  write(other / "metrics.jsonl", events + "{\"event\":\"half a li");
  std::string config = content(other / "config.cfg");
  config.replace(config.find("epochs = 2"), 10, "epochs = 3");
  write(other / "config.cfg", config);

  const Words runs = {run_dir().string(), other.string()};
  const auto made = report(runs);
  ASSERT_EQ(made->wait(), 0) << made->err();
  EXPECT_EQ(made->result().at("runs"), 2);
  const auto checked = check(page(), runs);
  EXPECT_EQ(checked->wait(), 0) << checked->out() << checked->err();
  const std::string html = content(page());
  EXPECT_NE(html.find("What differs between the runs"), std::string::npos);
  EXPECT_NE(html.find("could not be read"), std::string::npos) << "the half line is told";
}

TEST_F(Report, NamesOfUsersStayText) {
  const std::string evil = "</script><script>alert(1)</script><img src=x onerror=alert(2)>";
  const nlohmann::json model = {{"name", evil}, {"val_accuracy", 0.5}, {"parameters", 7}};
  const nlohmann::json selected = {
      {"event", "selected"}, {"model", model}, {"name", evil}, {"t_s", 1.5}};
  const nlohmann::json epoch = {{"event", "epoch"}, {"model", evil},       {"epochs", 1},
                                {"loss", 1.0},      {"val_accuracy", 0.5}, {"t_s", 1.0}};
  const nlohmann::json failed = {
      {"event", "failed"}, {"rank", 1}, {"role", evil}, {"text", evil}, {"t_s", 2.0}};
  write(run_dir() / "metrics.jsonl",
        epoch.dump() + "\n" + selected.dump() + "\n" + failed.dump() + "\n");
  write(run_dir() / "config.cfg", "[io]\nsource = " + evil + "\n");
  write(run_dir() / "log" / "rank-0.log", evil + "\xFF\n");
  write(run_dir() / "evaluation" / "m-test.json", "not json");
  const Words runs = {run_dir().string()};
  const auto made = report(runs);
  ASSERT_EQ(made->wait(), 0) << made->err();
  const auto checked = check(page(), runs);
  EXPECT_EQ(checked->wait(), 0) << checked->out() << checked->err();
  const std::string html = content(page());
  EXPECT_EQ(html.find("<img"), std::string::npos);
  EXPECT_EQ(html.find("<script>"), std::string::npos);
  EXPECT_NE(html.find("What went wrong"), std::string::npos);
}

TEST_F(Report, NeverReplacesWhatIsNoPage) {
  const fs::path metrics = run_dir() / "metrics.jsonl";
  const std::string events = "{\"event\":\"started\",\"verb\":\"train\",\"t_s\":0}\n";
  write(metrics, events);
  Process job({PODIUM_EXECUTABLE, "report", run_dir().string(), "--output=" + metrics.string()});
  EXPECT_EQ(job.wait(), 2) << job.err();
  EXPECT_EQ(content(metrics), events);
}

// A parser that goes down a level for each bracket would run out of stack.
TEST_F(Report, TakesEndlesslyNestedLinesForDamagedOnes) {
  const std::string deep(1'000'000, '[');
  write(run_dir() / "metrics.jsonl", "{\"event\":\"started\",\"verb\":\"train\",\"t_s\":0}\n" +
                                         deep + std::string(deep.size(), ']') + "\n");
  const auto made = report({run_dir().string()});
  EXPECT_EQ(made->wait(), 0) << made->err();
}

TEST_F(Report, RefusesWhatIsNoRunFolder) {
  fs::create_directories(folder() / "empty");
  write(folder() / "file", "text");
  const auto refused = [&](const std::string& run, int code) {
    const auto made = report({run});
    EXPECT_EQ(made->wait(), code) << run;
    EXPECT_NE(made->err().find(run), std::string::npos) << made->err();
    EXPECT_EQ(std::ranges::count(made->err(), '\n'), 1) << made->err();
    EXPECT_FALSE(fs::exists(page()));
  };
  refused((folder() / "empty").string(), 65);
  refused((folder() / "file").string(), 2);
  refused((folder() / "nowhere").string(), 2);
}

}  // namespace
}  // namespace podium::test
