// Voice: all that a rank says and shows while its verb runs: its log, the terminal below it, the
// board of what is under way, and on rank 0 the warnings of the others.
#pragma once

#include <memory>
#include <string>

#include "comm/mpi/mpi_environment.hpp"
#include "comm/rank_lines.hpp"
#include "core/board.hpp"
#include "core/console.hpp"
#include "core/log.hpp"
#include "core/log_sink.hpp"
#include "options.hpp"

namespace podium {

class Voice {
 public:
  // `launched`: by mpirun or srun. Collective.
  Voice(const Invocation& invocation, comm::MpiEnvironment& mpi, bool launched);

  // Where this rank's lines end: other sinks may stand before it.
  std::shared_ptr<LogSink> sink() const;
  // The rank's log, whose lines go to `first` on their way to sink(). It says all that is not
  // debug, also where less is shown: what is before sink() may keep it.
  Log log(std::shared_ptr<LogSink> first) const;

  // Begins to show, on rank 0, what `verb` does in `folder`.
  void show(const std::string& folder, const Log& log);

  Console& console() { return *console_; }
  Board& board() { return *board_; }

  // Ends the picture and gathers what all ranks have said. Collective, before the end of MPI.
  void end();

  // Before the error line of a rank that ends the job: nothing may follow it.
  void give_way() noexcept;

 private:
  const std::string verb_;
  const bool handles_signals_;
  const std::string speaker_;
  LogLevel shown_;
  bool draws_ = false;
  std::unique_ptr<Board> board_;
  std::shared_ptr<Console> console_;        // draws the board
  std::shared_ptr<comm::RankLines> ranks_;  // null in a job of one rank
};

}  // namespace podium
