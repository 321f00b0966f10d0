// Log: who hears its lines.
#include "core/log.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace podium {
namespace {

class Ears : public LogSink {
 public:
  void line(LogLevel level, std::string_view speaker, std::string_view text) override {
    heard.push_back(log_line(level, speaker, text).substr(std::string("HH:MM:SS.mmm").size()));
  }
  std::vector<std::string> heard;
};

TEST(Log, GivesItsLinesToItsSinkUnderEveryName) {
  const auto ears = std::make_shared<Ears>();
  const Log log(LogLevel::info, "rank 3", ears);
  log.info("begins");
  log.with_speaker("rank 3 train").warning("is late");
  log.debug("nobody wants this");
  log.at_most(LogLevel::error).warning("nor this");
  log.at_most(LogLevel::debug).debug("nor this");
  EXPECT_EQ(ears->heard,
            (std::vector<std::string>{" [rank 3] begins\n", " [rank 3 train] warning: is late\n"}));
}

TEST(Log, SpeaksOnStandardErrorUnlessThatWantsLess) {
  testing::internal::CaptureStderr();
  Log(LogLevel::warning, "").warning("of its own");
  const Log quiet(LogLevel::info, "", standard_error_sink(LogLevel::warning));
  quiet.info("not shown");
  quiet.error("shown");
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_NE(text.find(" warning: of its own\n"), std::string::npos) << text;
  EXPECT_NE(text.find(" error: shown\n"), std::string::npos) << text;
  EXPECT_EQ(text.find("not shown"), std::string::npos) << text;
}

}  // namespace
}  // namespace podium
