// Board: what a job is doing, as bars and lines under names.
//
// Whoever works says how far it is, as often as it likes; a live view looks at the board and draws
// it (picture.hpp). Where there is no view, the board itself tells a log about bars that take long:
// a line each half a minute. Keys keep the order in which they came.
//
// Thread-safe. A board that is switched off takes everything and costs one branch.
#pragma once

#include <cstddef>
#include <mutex>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "core/log.hpp"

namespace podium {

// How far something is.
struct Advance {
  double done = 0;
  double total = 0;       // 0: nobody knows
  std::string unit;       // of both, for instance "records"; may be empty
  std::string note = {};  // for people: "epoch 3/10  loss 0.31"
};

// What the board says of one thing.
struct BoardItem {
  enum class State { running, done, failed };
  std::string label;
  bool bar = false;
  Advance advance;  // of a bar; of a line only the note
  State state = State::running;
  double seconds = 0;  // since it began, until it was done
  double left_s = -1;  // of a bar: how long it will take at the pace so far; -1: not known
};

class Board {
 public:
  enum class Kind {
    off,
    drawn,  // a view looks at it
    told,   // a log gets lines
  };

  static constexpr double usual_pause_s = 30;  // between two lines about a bar in a log

  explicit Board(Kind kind, double pause_s = usual_pause_s) : kind_(kind), pause_s_(pause_s) {}

  bool off() const { return kind_ == Kind::off; }
  bool drawn() const { return kind_ == Kind::drawn; }

  // Who gets the lines of a board that is told.
  void tell_to(Log log);

  // What stands above all.
  void title(std::string text);

  // A line, new or in place of what it said.
  void line(const std::string& key, std::string label, std::string text);

  // A bar, new or moved on. The first call is its beginning: what was done then took no time here.
  void bar(const std::string& key, std::string label, Advance advance);

  // The bar is over: full, or as it stands where it failed. A line under it in the log resets the
  // half minute, so callers say `said` when they log something about it.
  void finish(const std::string& key, std::string note, bool failed = false);
  void said(const std::string& key);

  void remove(const std::string& key);

  struct Contents {
    std::string title;
    double seconds = 0;  // since the board was made
    std::vector<BoardItem> items;
  };
  Contents contents() const;

 private:
  struct Entry {
    std::string key;
    BoardItem item;
    double begin = 0;  // what was done at first
    Stopwatch since_begin;
    Stopwatch since_line;  // in the log
  };
  Entry& entry(const std::string& key, std::string label);  // REQUIRES: mutex_ is held
  BoardItem look(const Entry& entry) const;

  const Kind kind_;
  const double pause_s_;
  const Stopwatch made_;
  mutable std::mutex mutex_;
  Log log_;
  std::string title_;
  std::vector<Entry> entries_;
};

// One bar as a line of a log: "cnn: 43% of 4690 steps, 1 min 05 s left, loss 0.31".
std::string told(const BoardItem& item);

// "12 s", "1 min 05 s", "2 h 03 min".
std::string duration_text(double seconds);

}  // namespace podium
