#include "voice.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

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

Voice::Voice(const Invocation& invocation, const std::string& folder, comm::MpiEnvironment& mpi,
             bool launched) {
  const Config& config = invocation.config;
  const bool first = mpi.rank() == 0;
  const bool draws_now = first && shows_picture(config, invocation.verb, launched);
  ConsoleOptions options;
  options.shown = shown_level(config);
  options.lines_join = lines_join(launched);
  options.colours = screen::wants_colours();
  options.utf8 = screen::shows_utf8();
  console_ = std::make_shared<Console>(options);

  std::shared_ptr<LogSink> sink = console_;
  if (mpi.size() > 1) {
    ranks_ =
        std::make_shared<comm::RankLines>(mpi.world("log"), console_, options.shown, draws_now);
    sink = ranks_;
  }
  // Sinks that keep lines get those too that are not shown.
  log_ = Log(std::max(options.shown, LogLevel::info),
             mpi.size() > 1 ? "rank " + std::to_string(mpi.rank()) : "", sink);

  const Board::Kind kind = !first      ? Board::Kind::off
                           : draws_now ? Board::Kind::drawn
                                       : Board::Kind::told;
  board_ = std::make_unique<Board>(
      kind, [log = log_.with_speaker("")](const std::string& text) { log.info(text); });
  board_->title("podium " + invocation.verb + "  " + folder);
  if (!draws_now) return;
  if (!handles_signals(invocation.verb, invocation.subject)) clear_picture_on_signals();
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
