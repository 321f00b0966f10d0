// What a job is told about training through parameter servers (docs/parameter_server.md).
#pragma once

#include "ps/options.hpp"

namespace podium::train {

struct PsOptions {
  // Worker processes of the first trainer, or the last ranks of the job.
  enum class Transport { tcp, mpi };
  Transport transport = Transport::tcp;
  bool shared_memory = true;  // of tcp: large payloads within a node
  int trainers = 0;           // worker processes of each rank that train in its place; 0: none
  ps::GroupOptions group;     // all but the optimizer, which follows from the recipe
};

}  // namespace podium::train
