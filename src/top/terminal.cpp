#include "top/terminal.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <string_view>
#include <thread>

#include "core/clock.hpp"
#include "core/error.hpp"

namespace podium::top {
namespace {

constexpr std::string_view enter_screen = "\x1b[?1049h\x1b[?25l";  // its own, without a cursor
constexpr std::string_view leave_screen = "\x1b[?25h\x1b[?1049l";
constexpr char ctrl_c = 3;

bool write_all(std::string_view text) {
  return screen::write_all(STDOUT_FILENO, text);
}

}  // namespace

Terminal::Terminal() : screen_(::isatty(STDOUT_FILENO) == 1) {
  colours_ = screen_ && screen::wants_colours();
  termios before{};
  if (screen_ && ::tcgetattr(STDIN_FILENO, &before) == 0) {
    termios raw = before;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 0;
    if (::tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0) keys_ = before;
  }
  if (screen_) write_all(enter_screen);
}

Terminal::~Terminal() {
  if (keys_) ::tcsetattr(STDIN_FILENO, TCSANOW, &*keys_);
  if (screen_) write_all(leave_screen);
}

void Terminal::show(const std::vector<Line>& lines) const {
  const size_t columns = screen_ ? screen::terminal_size(STDOUT_FILENO).columns : 0;
  std::string text = screen::to_text(lines, columns, colours_);
  if (screen_) {
    // From the top, each line cleared behind its end, and what is left of the page before.
    for (size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', end + 4)) {
      text.insert(end, "\x1b[K");
    }
    text = "\x1b[H" + text + "\x1b[J";
  } else {
    text += "\n";
  }
  if (!write_all(text)) throw io_error("cannot show the view", "standard output", errno);
}

bool Terminal::quit_within(std::chrono::milliseconds time) {
  if (!keys_) {
    std::this_thread::sleep_for(time);
    return false;
  }
  pollfd key{STDIN_FILENO, POLLIN, 0};
  if (::poll(&key, 1, static_cast<int>(time.count())) != 1) return false;
  char typed = 0;
  if (::read(STDIN_FILENO, &typed, 1) == 1) return typed == 'q' || typed == ctrl_c;
  std::this_thread::sleep_for(time);  // the keyboard is gone
  return false;
}

}  // namespace podium::top
