// When a picture is drawn, and how lines and picture share a terminal.
#include "core/console.hpp"

#include <gtest/gtest.h>

#include <string>

namespace podium {
namespace {

TerminalFacts at_a_terminal() {
  return {true, true, false, false, "xterm"};
}

TEST(Live, DrawsWhereSomebodyLooks) {
  EXPECT_TRUE(draws(Live::automatic, at_a_terminal()));
  TerminalFacts file = at_a_terminal();
  file.output = false;
  EXPECT_FALSE(draws(Live::automatic, file));
  TerminalFacts dumb = at_a_terminal();
  dumb.kind = "dumb";
  EXPECT_FALSE(draws(Live::automatic, dumb));
  dumb.kind = "";
  EXPECT_FALSE(draws(Live::automatic, dumb));
}

// Open MPI gives ranks a terminal as standard output, and pipes as the other two.
TEST(Live, DoesNotBelieveALaunchersTerminal) {
  TerminalFacts rank = at_a_terminal();
  rank.launched = true;
  rank.input_and_error = false;
  EXPECT_FALSE(draws(Live::automatic, rank));
  rank.launcher = true;
  EXPECT_TRUE(draws(Live::automatic, rank)) << "the launcher said so";
  TerminalFacts srun_pty = at_a_terminal();
  srun_pty.launched = true;
  EXPECT_TRUE(draws(Live::automatic, srun_pty));
}

TEST(Live, IsWhatTheUserSays) {
  EXPECT_TRUE(draws(Live::always, {}));
  EXPECT_FALSE(draws(Live::never, at_a_terminal()));
}

TEST(Console, ThePictureStandsBelowTheCursor) {
  const std::vector<screen::Line> picture = {{"a", screen::Line::Colour::bold}, {"bcd"}};
  EXPECT_EQ(below_cursor(picture, 2, false), "\x1b[?7l\r\na\r\nbc\x1b[2A\r\x1b[?7h");
  EXPECT_EQ(below_cursor(picture, 0, true), "\x1b[?7l\r\n\x1b[1ma\x1b[0m\r\nbcd\x1b[2A\r\x1b[?7h");
  EXPECT_EQ(below_cursor({}, 80, true), "");
}

TEST(Console, GivesLinesTheirPlaceAndThePictureAnother) {
  ConsoleOptions options;
  options.lines_join = true;
  Board board(Board::Kind::drawn);
  board.title("podium train");
  board.line("roles", "roles", "train 0");
  testing::internal::CaptureStdout();
  {
    Console console(options);
    console.draw(board);
    console.aside([] { screen::write_all(1, "a table\n"); });
    console.line(LogLevel::info, "", "said");
    console.line(LogLevel::debug, "", "not shown");
    console.close();
    EXPECT_NO_THROW(console.close());
  }
  const std::string text = testing::internal::GetCapturedStdout();
  const std::string clear = "\r\x1b[J";
  EXPECT_NE(text.find(clear + "a table\n"), std::string::npos) << text;
  EXPECT_NE(text.find(" said\n\x1b[?7l\r\n"), std::string::npos) << text;
  EXPECT_NE(text.find("roles  train 0"), std::string::npos) << text;
  EXPECT_EQ(text.find("not shown"), std::string::npos) << text;
  EXPECT_TRUE(text.ends_with(clear + "\n")) << "no terminal: what follows begins a line" << text;
}

TEST(Console, IsAPlainLogWithoutAPicture) {
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  Console console({});
  console.line(LogLevel::warning, "rank 1", "w");
  console.aside([] { screen::write_all(1, "a table\n"); });
  console.close();
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "a table\n");
  EXPECT_TRUE(testing::internal::GetCapturedStderr().ends_with(" [rank 1] warning: w\n"));
}

}  // namespace
}  // namespace podium
