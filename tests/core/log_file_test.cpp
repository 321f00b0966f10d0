// LogFile and LastWords: what a process leaves of what it said.
#include "core/log_file.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "core/last_words.hpp"
#include "core/log.hpp"
#include "temporary_folder.hpp"

namespace podium {
namespace {

namespace fs = std::filesystem;

class Ears : public LogSink {
 public:
  void line(LogLevel level, std::string_view /*speaker*/, std::string_view text) override {
    heard.emplace_back(level, text);
  }
  std::vector<std::pair<LogLevel, std::string>> heard;
};

class LogFiles : public testing::Test {
 protected:
  fs::path log() const { return folder_.path() / "log"; }
  static std::string text_of(const fs::path& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }
  // Whether `later` comes after `earlier` in a text.
  static bool in_order(const std::string& text, const char* earlier, const char* later) {
    const size_t at = text.find(earlier);
    return at != std::string::npos && text.find(later, at) != std::string::npos;
  }

  test::TemporaryFolder folder_;
  std::shared_ptr<Ears> ears_ = std::make_shared<Ears>();
};

TEST_F(LogFiles, KeepWhatIsSaidWhateverIsShown) {
  const auto file = std::make_shared<LogFile>(ears_);
  const Log said(LogLevel::debug, "rank 2", file);
  said.info("before there is a folder");
  file->open(log(), "rank-2", "started: podium run");
  said.warning("is late");
  said.debug("a detail");
  file->keep(LogLevel::error, "rank 2", "only here");
  const std::string text = text_of(log() / "rank-2.log");
  EXPECT_TRUE(in_order(text, " started: podium run\n", " [rank 2] before there is a folder\n"));
  EXPECT_TRUE(in_order(text, "before", " [rank 2] warning: is late\n")) << text;
  EXPECT_TRUE(in_order(text, "late", " [rank 2] error: only here\n")) << text;
  EXPECT_EQ(text.find("a detail"), std::string::npos);
  EXPECT_EQ(ears_->heard.size(), 3U) << "the next sink hears all but what was only kept";
}

TEST_F(LogFiles, ArePutBehindEachOtherByJobsAndBesideEachOtherByProcesses) {
  { LogFile(ears_).open(log(), "rank-0", "started: one"); }
  LogFile two(ears_);
  two.open(log(), "rank-0", "started: two");
  LogFile three(ears_);
  three.open(log(), "rank-0", "started: three");
  EXPECT_TRUE(in_order(text_of(log() / "rank-0.log"), "started: one", "started: two"));
  EXPECT_NE(text_of(log() / "rank-0-2.log").find("started: three"), std::string::npos);
}

TEST_F(LogFiles, AreBoundedAndKeepTheEnd) {
  LogFile file(ears_, 4096);
  file.open(log(), "rank-0", "started");
  for (int i = 0; i < 1000; ++i) {
    file.line(LogLevel::info, "", "line " + std::to_string(i));
  }
  uintmax_t bytes = 0;
  for (const auto& entry : fs::directory_iterator(log())) bytes += entry.file_size();
  EXPECT_LE(bytes, 2 * 4096U);
  EXPECT_NE(text_of(log() / "rank-0.log").find("line 999\n"), std::string::npos);
  const std::string before = text_of(log() / "rank-0.log.1");
  const std::string now = text_of(log() / "rank-0.log");
  const std::string first = now.substr(0, now.find('\n'));
  const int number = std::stoi(first.substr(first.rfind(' ')));
  EXPECT_TRUE(before.ends_with("line " + std::to_string(number - 1) + "\n")) << "none is lost";
}

TEST_F(LogFiles, CostOneWarningWhereTheyCannotBe) {
  std::ofstream(log()) << "a file in place of the folder";
  LogFile file(ears_);
  file.open(log(), "rank-0", "started");
  file.line(LogLevel::info, "", "goes on");
  file.line(LogLevel::info, "", "and on");
  ASSERT_EQ(ears_->heard.size(), 3U);
  EXPECT_EQ(ears_->heard.front().first, LogLevel::warning);
  EXPECT_NE(ears_->heard.front().second.find(log().string()), std::string::npos);
}

TEST_F(LogFiles, CostOneWarningWhereADiskIsFull) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "no /dev/full";
  fs::create_directories(log());
  fs::create_symlink("/dev/full", log() / "rank-0.log");
  LogFile file(ears_);
  file.open(log(), "rank-0", "started");
  file.line(LogLevel::info, "", "goes on");
  file.line(LogLevel::info, "", "and on");
  ASSERT_EQ(ears_->heard.size(), 3U);
  EXPECT_NE(ears_->heard.front().second.find("No space left"), std::string::npos);
}

// A child dies of `signal`, sent or made, after it has said something.
class LastWordsOf : public LogFiles, public testing::WithParamInterface<int> {};

TEST_P(LastWordsOf, ASignalAreInTheLogAndTheEvents) {
  const fs::path events = folder_.path() / "metrics.jsonl";
  std::ofstream(events).close();
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    for (const int number : {SIGSEGV, SIGABRT, SIGFPE, SIGBUS, SIGILL}) {
      std::signal(number, SIG_DFL);  // a sanitizer's handlers end in another way
    }
    const auto file = std::make_shared<LogFile>(standard_error_sink(LogLevel::error));
    file->open(log(), "rank-1", "started");
    const std::string head = R"({"event":"failed","rank":1,)";
    say_last_words({"rank 1", events, head, 0}, file);
    file->line(LogLevel::info, "rank 1", "reads \"x\\y\"");
    if (GetParam() == SIGABRT) std::abort();
    ::raise(GetParam());
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status)) << "it dies of the signal as before";
  EXPECT_EQ(WTERMSIG(status), GetParam());
  const std::string text = text_of(log() / "rank-1.log");
  const std::string number = "(signal " + std::to_string(GetParam()) + ")";
  EXPECT_NE(text.find("podium: error: rank 1: killed by SIG"), std::string::npos) << text;
  EXPECT_NE(text.find(number), std::string::npos) << text;
  const auto event = nlohmann::json::parse(text_of(events));
  EXPECT_EQ(event.at("rank"), 1);
  EXPECT_EQ(event.at("signal"), GetParam());
  EXPECT_GT(event.at("t_s"), 0);
  EXPECT_NE(event.at("text").get<std::string>().find("s after it said: reads 'x'y'"),
            std::string::npos)
      << event;
}

INSTANTIATE_TEST_SUITE_P(Signals, LastWordsOf,
                         testing::Values(SIGSEGV, SIGABRT, SIGFPE, SIGBUS, SIGILL));

}  // namespace
}  // namespace podium
