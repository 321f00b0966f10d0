// Parameter servers as ranks of a job: the last of a communicator serve, the others are workers
// under their ranks. The fast way, whose servers share the fate of the job
// (docs/parameter_server.md).
//
//   if (is_server_rank(group, servers)) {
//     serve_ranks(group, buffers, theta, options);      // until all workers have left
//   } else {
//     auto worker = join_ranks(group, map, options);
//     ...
//     worker->leave();
//   }
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "comm/communicator.hpp"
#include "ps/keys.hpp"
#include "ps/options.hpp"
#include "ps/roster.hpp"
#include "ps/server.hpp"
#include "ps/worker.hpp"

namespace podium::ps {

bool is_server_rank(const comm::Communicator& group, int servers);
// Who is there, from the first to the last step.
Roster rank_roster(const comm::Communicator& group, int servers);

// What a server rank does. `group` is used by nothing else meanwhile. Throws usage_error when no
// rank is left for workers, internal_error when another server does not end. `state`: Θ at the
// beginning, or all layers (rules.hpp).
ServerReport serve_ranks(comm::Communicator& group, std::vector<NamedSize> buffers,
                         std::span<const float> state, const GroupOptions& options);

// The worker of this rank. `group` outlives it, and is used by nothing else meanwhile.
std::unique_ptr<Worker> join_ranks(comm::Communicator& group, const KeyMap& map,
                                   const GroupOptions& options);

}  // namespace podium::ps
