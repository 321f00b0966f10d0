// Console: what a process shows at its terminal: the lines of its log, and below them a live
// picture of its board.
//
// The cursor rests on an empty line above the picture. So what others write to the same terminal,
// a worker or the launcher, takes that line, and the next picture stands below it; and whatever the
// terminal's new size does to the old picture, all below the cursor is cleared before the next. The
// cursor is never hidden and the screen is never switched: a process that is killed leaves nothing
// to put right. Lines that do not wrap keep the picture whole where its width is not known well.
//
// Without a picture it is a log on standard error. Thread-safe; a thread of its own draws, at most
// eight times a second. A terminal that stands still (Ctrl-S) holds up whoever writes to it, as it
// does without a picture.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "core/board.hpp"
#include "core/log_sink.hpp"
#include "core/picture.hpp"

namespace podium {

// --log.live
enum class Live { automatic, always, never };

// What is to be known before a picture is drawn.
struct TerminalFacts {
  bool output = false;           // standard output is a terminal
  bool input_and_error = false;  // so are the other two
  bool launched = false;         // by mpirun or srun, which give ranks terminals of their own
  bool launcher = false;         // whose own output is a terminal, as it has said
  std::string kind;              // TERM
};
bool draws(Live live, const TerminalFacts& facts);

struct ConsoleOptions {
  LogLevel shown = LogLevel::info;
  bool lines_join = false;  // lines of the log go where the picture is: it is the same terminal
  bool colours = false;
  bool utf8 = false;
};

class Console : public LogSink {
 public:
  explicit Console(ConsoleOptions options) : options_(options) {}
  ~Console() override;

  // Begins to draw `board`, which must outlive the drawing: until close() or give_way().
  void draw(const Board& board);

  void line(LogLevel level, std::string_view speaker, std::string_view text) override;

  // Calls `write`, which writes to standard output, with the picture out of its way.
  void aside(const std::function<void()>& write);

  // Ends the picture; lines go on.
  void close();
  // The same for a process that ends at once, on whatever thread: waits for nobody long.
  void give_way() noexcept;

 private:
  void paint();
  void repaint();  // REQUIRES: mutex_ is held

  const ConsoleOptions options_;
  const Board* board_ = nullptr;
  std::timed_mutex mutex_;  // guards the terminal and what follows
  std::string picture_;     // as it stands, with the way back to the empty line
  std::condition_variable_any wake_;
  bool drawing_ = false;
  std::thread painter_;
};

// What puts a picture on the terminal below the cursor, and the cursor back.
std::string below_cursor(const std::vector<screen::Line>& picture, size_t columns, bool colours);

// Clears the picture when a signal ends this process that it does not handle itself.
void clear_picture_on_signals();

}  // namespace podium
