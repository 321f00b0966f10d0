#include "voice.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "verbs.hpp"

namespace podium {
namespace {

// What scripts/mpirun.sh says when its output is a terminal: "120x40", or "120x40,stdout" when its
// standard error goes elsewhere.
std::string launcher_terminal() {
  const char* text = std::getenv("PODIUM_TERMINAL");
  return text == nullptr ? "" : text;
}

bool same_terminal(int first, int second) {
  struct stat a {};
  struct stat b {};
  return ::isatty(first) == 1 && ::fstat(first, &a) == 0 && ::fstat(second, &b) == 0 &&
         a.st_rdev == b.st_rdev && S_ISCHR(b.st_mode);
}

TerminalFacts facts_of(bool launched) {
  const char* kind = std::getenv("TERM");
  return {::isatty(STDOUT_FILENO) == 1, ::isatty(STDIN_FILENO) == 1 && ::isatty(STDERR_FILENO) == 1,
          launched, !launcher_terminal().empty(), kind == nullptr ? "" : kind};
}

// Under a launcher standard output and error come by two ways, in any order.
bool lines_join(bool launched) {
  if (same_terminal(STDOUT_FILENO, STDERR_FILENO)) return true;
  return launched && !launcher_terminal().empty() && !launcher_terminal().ends_with(",stdout");
}

Live live_of(const std::string& text) {
  if (text == "auto") return Live::automatic;
  return text == "always" ? Live::always : Live::never;
}

LogLevel shown_level(const Config& config) {
  const LogLevel level = parse_log_level(config.text("log.level"));
  return config.boolean("quiet") ? std::min(level, LogLevel::warning) : level;
}

// Of rank 0; `top` has a screen of its own.
bool shows_picture(const Config& config, const std::string& verb, bool launched) {
  if (config.boolean("quiet") || verb == "top") return false;
  return draws(live_of(config.text("log.live")), facts_of(launched));
}

}  // namespace

Voice::Voice(const Invocation& invocation, comm::MpiEnvironment& mpi, bool launched)
    : verb_(invocation.verb),
      handles_signals_(handles_signals(invocation.verb, invocation.subject)),
      speaker_(mpi.size() > 1 ? "rank " + std::to_string(mpi.rank()) : ""),
      shown_(shown_level(invocation.config)),
      draws_(mpi.rank() == 0 && shows_picture(invocation.config, invocation.verb, launched)) {
  ConsoleOptions options;
  options.shown = shown_;
  options.lines_join = lines_join(launched);
  options.colours = screen::wants_colours();
  options.utf8 = screen::shows_utf8();
  console_ = std::make_shared<Console>(options);
  const Board::Kind kind = mpi.rank() > 0 ? Board::Kind::off
                           : draws_       ? Board::Kind::drawn
                                          : Board::Kind::told;
  board_ = std::make_unique<Board>(kind);
  if (mpi.size() == 1) return;
  ranks_ = std::make_shared<comm::RankLines>(mpi.world("log"), console_, shown_, draws_);
}

std::shared_ptr<LogSink> Voice::sink() const {
  if (ranks_) return ranks_;
  return console_;
}

Log Voice::log(std::shared_ptr<LogSink> first) const {
  return {std::max(shown_, LogLevel::info), speaker_, std::move(first)};
}

void Voice::show(const std::string& folder, const Log& log) {
  board_->title("podium " + verb_ + "  " + folder);
  board_->tell_to(log.with_speaker(""));
  if (!draws_) return;
  if (!handles_signals_) clear_picture_on_signals();
  console_->draw(*board_);
}

void Voice::end() {
  console_->close();
  if (ranks_) ranks_->end();
}

void Voice::give_way() noexcept {
  if (ranks_) ranks_->last_words();
  console_->give_way();
}

}  // namespace podium
