// Parameter servers as the last ranks of a job, which are told again and again what to serve until
// its trainers end (--ps.transport=mpi).
//
// Threads: one a rank. The job's communicator is used by nothing else while servers run.
#pragma once

#include <memory>
#include <string>

#include "comm/communicator.hpp"
#include "train/servers.hpp"

namespace podium::train {

// What the last `servers` ranks of `job` do: serves one group of trainers after the other, until
// end_rank_servers(). Returns the word that it was given.
std::string serve_trainers(comm::Communicator& job, int servers);

// On the trainers, the other ranks of `job`, which outlives the object.
std::unique_ptr<Servers> make_rank_servers(comm::Communicator& job);

// No more is to be served; every server rank is told `word`. Collective over the trainers.
void end_rank_servers(comm::Communicator& job, const std::string& word);

}  // namespace podium::train
