// TrainingRanks: which ranks of a job train: all, or, where parameter servers are ranks
// (--ps.transport=mpi), all but the last ones, which serve.
//
// Threads: belongs to the verb's thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "core/error.hpp"
#include "train/ps_options.hpp"
#include "train/servers.hpp"
#include "verbs.hpp"

namespace podium {

class TrainingRanks {
 public:
  // `name` is the verb's, for messages. Collective over the job. Throws usage_error on all ranks
  // when none is left to train.
  TrainingRanks(const VerbContext& context, const char* name,
                const std::optional<train::PsOptions>& servers);

  bool trains() const { return trainers_ != nullptr; }
  // REQUIRES: trains().
  comm::Communicator& trainers() { return *trainers_; }

  // On ranks that do not train: serves until the trainers end, and returns their exit code.
  ExitCode serve();

  // How trainers come to servers that are ranks; empty: there are none.
  std::function<std::unique_ptr<train::Servers>(comm::Communicator&)> servers();
  // Lets the ranks that serve end with `code`. On the trainers, as the last thing. Collective.
  ExitCode end(ExitCode code);

 private:
  int serving_ = 0;                               // ranks
  std::unique_ptr<comm::Communicator> job_;       // of all ranks, for servers; null: there are none
  std::unique_ptr<comm::Communicator> trainers_;  // null: this rank serves
};

}  // namespace podium
