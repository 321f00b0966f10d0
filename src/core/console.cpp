#include "core/console.hpp"

#include <unistd.h>

#include <csignal>
#include <initializer_list>

#include "core/text.hpp"

namespace podium {
namespace {

using namespace std::chrono_literals;

constexpr auto between_pictures = 125ms;
constexpr auto patience = 200ms;  // of a process that ends
constexpr std::string_view clear_below = "\r\x1b[J";

void clear_and_end(int number) {
  // Nothing can be done about a terminal that is gone.
  if (::write(STDOUT_FILENO, clear_below.data(), clear_below.size()) < 0) std::_Exit(128 + number);
  std::signal(number, SIG_DFL);
  std::raise(number);
}

}  // namespace

bool draws(Live live, const TerminalFacts& facts) {
  if (live != Live::automatic) return live == Live::always;
  if (!facts.output || facts.kind.empty() || facts.kind == "dumb") return false;
  return !facts.launched || facts.launcher || facts.input_and_error;
}

std::string below_cursor(const std::vector<screen::Line>& picture, size_t columns, bool colours) {
  if (picture.empty()) return "";
  std::string text = "\x1b[?7l";
  for (const screen::Line& line : picture) {
    text += "\r\n" + screen::to_text(line, columns, colours);
  }
  return text + format("\x1b[%zuA\r\x1b[?7h", picture.size());
}

void clear_picture_on_signals() {
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) std::signal(number, clear_and_end);
}

Console::~Console() {
  close();
}

void Console::draw(const Board& board) {
  const std::lock_guard lock(mutex_);
  board_ = &board;
  drawing_ = true;
  painter_ = std::thread([this] { paint(); });
}

void Console::line(LogLevel level, std::string_view speaker, std::string_view text) {
  if (level > options_.shown) return;
  const std::string line = log_line(level, speaker, text);
  const std::lock_guard lock(mutex_);
  if (!drawing_ || !options_.lines_join) {
    screen::write_all(STDERR_FILENO, line);
  } else {
    screen::write_all(STDOUT_FILENO, std::string(clear_below) + line + picture_);
  }
}

void Console::aside(const std::function<void()>& write) {
  const std::lock_guard lock(mutex_);
  if (!drawing_) return write();
  screen::write_all(STDOUT_FILENO, clear_below);
  picture_.clear();  // should `write` throw
  write();
  repaint();
}

void Console::close() {
  {
    const std::lock_guard lock(mutex_);
    if (drawing_) screen::write_all(STDOUT_FILENO, clear_below);
    // What follows in a file or pipe begins a line: programs look for it there.
    if (drawing_ && ::isatty(STDOUT_FILENO) == 0) screen::write_all(STDOUT_FILENO, "\n");
    drawing_ = false;
    wake_.notify_all();
  }
  if (painter_.joinable()) painter_.join();
}

void Console::give_way() noexcept {
  try {
    const std::unique_lock lock(mutex_, patience);
    if (lock.owns_lock() && drawing_) screen::write_all(STDOUT_FILENO, clear_below);
    if (lock.owns_lock()) drawing_ = false;
  } catch (...) {
    return;  // the process ends as it is
  }
}

void Console::paint() {
  std::unique_lock lock(mutex_);
  while (drawing_) {
    repaint();
    wake_.wait_for(lock, between_pictures);
  }
}

void Console::repaint() {
  const screen::Size size = screen::terminal_size(STDOUT_FILENO);
  const size_t columns = size.columns > 0 ? size.columns : 80;
  const size_t rows = size.rows > 0 ? size.rows : 24;
  // The empty line above and a line of the log stay in sight.
  const auto picture =
      picture_of(board_->contents(), {columns, rows > 4 ? rows - 2 : 0, options_.utf8});
  std::string text = below_cursor(picture, columns, options_.colours);
  if (text == picture_) return;
  picture_ = std::move(text);
  screen::write_all(STDOUT_FILENO, std::string(clear_below) + picture_);
}

}  // namespace podium
