// Terminal: the screen and keyboard of a live view, given back as they were.
//
// The view has a screen of its own, so that what stood there before is there again afterwards.
// Where standard output is no terminal, pages are plain text, one below the other. Used by one
// thread.
#pragma once

#include <termios.h>

#include <chrono>
#include <optional>
#include <vector>

#include "top/page.hpp"

namespace podium::top {

class Terminal {
 public:
  Terminal();
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  // Throws io_error when standard output is gone.
  void show(const std::vector<Line>& lines) const;

  // Waits for `time`, or less when `q` or Ctrl-C is typed: then true.
  bool quit_within(std::chrono::milliseconds time);

 private:
  bool screen_ = false;          // standard output is a terminal
  bool colours_ = false;         // and colours are wanted (https://no-color.org)
  std::optional<termios> keys_;  // the keyboard's settings before
};

}  // namespace podium::top
