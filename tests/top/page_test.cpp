// What `podium top` shows, without a terminal.
#include "top/page.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.hpp"

namespace podium::top {
namespace {

using Json = nlohmann::ordered_json;

Json example() {
  const Json recent = {
      {"per_s", 512.25}, {"failed", 0}, {"p50_ms", 0.5}, {"p99_ms", 3.25}, {"batch_images", 2.5}};
  const auto replica = [&](const char* name, const char* state) {
    return Json{{"name", name},  {"state", state}, {"pid", 7},
                {"version", 3},  {"in_flight", 2}, {"requests", 1000},
                {"restarts", 1}, {"failed", 4},    {"recent", recent}};
  };
  Json waiting = replica("replica-2", "starting");
  waiting.erase("recent");
  return {{"model", "fashion"},
          {"version", 3},
          {"state", "ready"},
          {"uptime_s", 3725.5},
          {"requests", 4000},
          {"failed", 0},
          {"rejected", 6},
          {"retried", 2},
          {"restarts", 3},
          {"swaps", 1},
          {"in_flight", 5},
          {"waiting", 1},
          {"connections", 9},
          {"p50_ms", 0.75},
          {"p99_ms", 4.5},
          {"recent", recent},
          {"replicas", {replica("replica-0", "ready"), replica("replica-1", "down"), waiting}}};
}

TEST(Page, HasALinePerReplicaAndTheService) {
  const std::vector<Line> lines = page_of(example(), "127.0.0.1:8080");
  ASSERT_EQ(lines.size(), 9U);
  const std::string text = screen::to_text(lines, 0, false);
  for (const char* word : {"127.0.0.1:8080  fashion  version 3  ready  up 1 h 02 min",
                           "512.2 requests/s", "p99 3.250 ms", "5 in flight, 1 waiting",
                           "9 connections", "4000 answered", "6 rejected", "replica-1      down"}) {
    EXPECT_NE(text.find(word), std::string::npos) << word << " in\n" << text;
  }
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  const size_t width = lines[5].text.size();  // the heading of the table
  for (size_t i = 6; i < 9; ++i) EXPECT_EQ(lines[i].text.size(), width) << lines[i].text;
}

TEST(Page, ColoursWhatIsWrong) {
  Json stats = example();
  std::vector<Line> lines = page_of(stats, "x:1");
  EXPECT_EQ(lines[3].colour, Line::Colour::plain);
  EXPECT_EQ(lines[6].colour, Line::Colour::plain);
  EXPECT_EQ(lines[7].colour, Line::Colour::red);
  EXPECT_EQ(lines[8].colour, Line::Colour::yellow);
  stats["failed"] = 1;
  lines = page_of(stats, "x:1");
  EXPECT_EQ(lines[3].colour, Line::Colour::red);
  EXPECT_NE(screen::to_text(lines, 0, true).find("\x1b[31m"), std::string::npos);
}

TEST(Page, LinesAreCutToTheTerminal) {
  const std::string text = screen::to_text(page_of(example(), "x:1"), 20, true);
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const auto visible = line.starts_with('\x1b') ? line.substr(line.find('m') + 1) : line;
    EXPECT_LE(visible.substr(0, visible.find('\x1b')).size(), 20U) << line;
  }
}

TEST(Page, SomethingElseIsNoService) {
  for (const Json& bad : {Json(), Json::parse("nonsense", nullptr, false), Json{{"model", "x"}},
                          Json::array({1, 2})}) {
    try {
      page_of(bad, "x:1");
      FAIL();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::unavailable);
    }
  }
}

}  // namespace
}  // namespace podium::top
