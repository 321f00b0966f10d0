// Servers: where the parameter servers of a group of trainers come from.
//
// They are started at the first step of a run, when it is known what Θ begins with, and end with
// the run. Threads: belongs to its trainer's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "comm/communicator.hpp"
#include "core/log.hpp"
#include "ps/keys.hpp"
#include "ps/options.hpp"
#include "ps/worker.hpp"

namespace podium::train {

// What servers are started with, equal on all trainers.
struct ServersSpec {
  std::vector<ps::NamedSize> buffers;
  ps::GroupOptions group;
  std::span<const float> state;  // what Θ and its optimizer begin with: all layers (ps/rules.hpp)
};

class Servers {
 public:
  virtual ~Servers() = default;

  // Starts them and connects this trainer, whose number is its rank. Once. Collective. Throws
  // io_error, unavailable_error.
  virtual std::unique_ptr<ps::Worker> start(const ServersSpec& spec) = 0;
  // Of those that died; on the first trainer.
  virtual int restarts() const { return 0; }
};

// Where servers that the first trainer starts have to listen: on all networks when others are on
// other nodes. Collective.
std::string listening_for(comm::Communicator& group);

// As worker processes of the group's first trainer, which outlive trainers' errors no more than it
// does, and each other's deaths where a range has a backup. `group` must outlive the object.
std::unique_ptr<Servers> make_server_processes(comm::Communicator& group, bool shared_memory,
                                               const Log& log);

}  // namespace podium::train
