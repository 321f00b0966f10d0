// A board's picture: what is drawn at any width, and what is left out first.
#include "core/picture.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace podium {
namespace {

using screen::Line;

BoardItem bar(const std::string& label, double done, double total, const std::string& note) {
  BoardItem item;
  item.label = label;
  item.bar = true;
  item.advance = {done, total, "epochs", note};
  item.seconds = 65;
  item.left_s = 30;
  return item;
}

Board::Contents training() {
  Board::Contents board{"podium run  runs/x", 72, {}};
  BoardItem roles;
  roles.label = "roles";
  roles.advance.note = "ingest 0 | train 1-2 | ckpt 3 | serve 0";
  BoardItem ingest = bar("ingest", 70000, 70000, "70000 records, built");
  ingest.state = BoardItem::State::done;
  board.items = {roles, ingest, bar("cnn", 5, 10, "epoch 6/10  loss 0.3120  accuracy 0.9012"),
                 bar("resnet", 0, 0, "naïve — ünïcode")};
  return board;
}

std::vector<std::string> texts(const std::vector<Line>& lines) {
  std::vector<std::string> all;
  for (const Line& line : lines) all.push_back(line.text);
  return all;
}

TEST(Picture, ColumnsLineUp) {
  const auto lines = texts(picture_of(training(), {80, 24, false}));
  ASSERT_EQ(lines.size(), 5U);
  EXPECT_EQ(lines[0], "podium run  runs/x  1 min 12 s");
  EXPECT_EQ(lines[1], "roles   ingest 0 | train 1-2 | ckpt 3 | serve 0");
  EXPECT_EQ(lines[2], "ingest  [##################] 100%  in 1 min 05 s    70000 records, built");
  EXPECT_EQ(lines[3],
            "cnn     [#########.........]  50%  30 s left        epoch 6/10  loss 0.3120  acc");
}

TEST(Picture, BarsHaveEighthsWhereTheTerminalShowsThem) {
  Board::Contents board{"t", 0, {bar("cnn", 1, 16, "")}};
  EXPECT_EQ(picture_of(board, {40, 24, true})[1].text, "cnn  ▋░░░░░░░░░   6%  30 s left");
  board.items[0].advance.done = 16;
  EXPECT_EQ(picture_of(board, {40, 24, true})[1].text, "cnn  ██████████ 100%  30 s left");
}

TEST(Picture, FitsEveryTerminal) {
  for (size_t columns = 1; columns <= 200; ++columns) {
    for (const bool utf8 : {false, true}) {
      for (const size_t rows : {1, 2, 3, 5, 24}) {
        const auto lines = picture_of(training(), {columns, rows, utf8});
        EXPECT_LE(lines.size(), rows) << columns;
        for (const Line& line : lines) {
          EXPECT_LE(screen::length_of(line.text), columns) << line.text;
          EXPECT_EQ(line.text.find('\n'), std::string::npos);
        }
      }
    }
  }
}

TEST(Picture, NarrowTerminalsKeepNameAndShare) {
  const auto lines = texts(picture_of(training(), {20, 24, false}));
  EXPECT_EQ(lines[3].substr(0, 14), "cnn      50%  ") << lines[3];
  EXPECT_EQ(picture_of(training(), {30, 24, false})[3].text, "cnn      50%  30 s left");
}

TEST(Picture, WhatIsDoneMakesRoomFirst) {
  Board::Contents board = training();
  const auto lines = texts(picture_of(board, {80, 4, false}));
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_EQ(lines[2].substr(0, 3), "cnn");
  EXPECT_EQ(lines[3], "and 2 more");
}

TEST(Picture, StatesHaveColours) {
  Board::Contents board = training();
  board.items[2].state = BoardItem::State::failed;
  const auto lines = picture_of(board, {80, 24, false});
  EXPECT_EQ(lines[0].colour, Line::Colour::bold);
  EXPECT_EQ(lines[2].colour, Line::Colour::green);
  EXPECT_EQ(lines[3].colour, Line::Colour::red);
  EXPECT_EQ(lines[4].colour, Line::Colour::plain);
}

TEST(Picture, NothingMovesTheCursor) {
  Board::Contents board{"a\x1b[2J", 0, {bar("b\nc", 1, 2, "d\re")}};
  for (const Line& line : picture_of(board, {80, 24, false})) {
    for (const char c : line.text) EXPECT_GE(static_cast<unsigned char>(c), 0x20);
  }
}

TEST(Picture, IsNothingBeforeSomethingIsUnderWay) {
  EXPECT_TRUE(picture_of({"podium plan", 1, {}}, {80, 24, true}).empty());
}

TEST(Board, KnowsHowMuchIsLeft) {
  Board board(Board::Kind::drawn);
  board.bar("cnn", "cnn", {4, 10, "epochs"});
  EXPECT_LT(board.contents().items.at(0).left_s, 0) << "nothing was done here yet";
  board.finish("cnn", "val 0.9");
  const BoardItem item = board.contents().items.at(0);
  EXPECT_EQ(item.advance.done, 10);
  EXPECT_EQ(item.advance.note, "val 0.9");
  board.remove("cnn");
  EXPECT_TRUE(board.contents().items.empty());
}

TEST(Board, TellsALineOfALog) {
  EXPECT_EQ(told(bar("cnn", 4.3, 10, "loss 0.31")), "cnn: 43% of 10 epochs, 30 s left, loss 0.31");
  BoardItem unknown = bar("samples", 12, 0, "");
  unknown.left_s = -1;
  EXPECT_EQ(told(unknown), "samples: 12 epochs");
}

class Ears : public LogSink {
 public:
  void line(LogLevel, std::string_view, std::string_view text) override {
    heard.emplace_back(text);
  }
  std::vector<std::string> heard;
};

TEST(Board, TellsALogWhereNobodyDraws) {
  const auto ears = std::make_shared<Ears>();
  Board board(Board::Kind::told, 0);
  board.tell_to(Log(LogLevel::info, "", ears));
  board.bar("cnn", "cnn", {1, 10, "epochs"});
  EXPECT_EQ(ears->heard, std::vector<std::string>{"cnn: 10% of 10 epochs"});
  Board seldom(Board::Kind::told);
  seldom.tell_to(Log(LogLevel::info, "", ears));
  for (int i = 0; i < 100; ++i) seldom.bar("cnn", "cnn", {1.0 * i, 100, "epochs"});
  EXPECT_EQ(ears->heard.size(), 1U) << "a line each half a minute";
}

TEST(Board, IsSilentWhereItIsOff) {
  Board board(Board::Kind::off);
  board.bar("cnn", "cnn", {4, 10, "epochs"});
  board.finish("cnn", "");
  EXPECT_TRUE(board.contents().items.empty());
}

TEST(Screen, CutsCharactersNotBytes) {
  EXPECT_EQ(screen::cut("äöü", 2), "äö");
  EXPECT_EQ(screen::cut("äöü", 3), "äöü");
  EXPECT_EQ(screen::cut("", 3), "");
  EXPECT_EQ(screen::length_of("äöü"), 3U);
}

TEST(Screen, ReadsWhatALauncherSays) {
  EXPECT_EQ(screen::parse_size("120x40,stdout"), (screen::Size{120, 40}));
  EXPECT_EQ(screen::parse_size("120"), screen::Size());
  EXPECT_EQ(screen::parse_size("x40"), screen::Size());
  EXPECT_EQ(screen::parse_size(""), screen::Size());
}

}  // namespace
}  // namespace podium
