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
#include "options.hpp"

namespace podium {

class Voice {
 public:
  // `folder` is the run's. `launched`: by mpirun or srun. Collective.
  Voice(const Invocation& invocation, const std::string& folder, comm::MpiEnvironment& mpi,
        bool launched);

  const Log& log() const { return log_; }
  Console& console() { return *console_; }
  Board& board() { return *board_; }

  // Ends the picture and gathers what all ranks have said. Collective, before the end of MPI.
  void end();

  // Before the error line of a rank that ends the job: nothing may follow it.
  void give_way() noexcept;

 private:
  std::unique_ptr<Board> board_;
  std::shared_ptr<Console> console_;        // draws the board
  std::shared_ptr<comm::RankLines> ranks_;  // null in a job of one rank
  Log log_;
};

}  // namespace podium
