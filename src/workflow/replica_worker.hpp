// The worker process behind a replica: the same executable without MPI, started by serve::Service.
#pragma once

#include <string>
#include <vector>

#include "core/device_choice.hpp"

namespace podium::workflow {

// What Service passes to its replicas (ServiceOptions::replica_arguments) so that they serve
// published models as `served_name` and compute on `device`.
std::vector<std::string> replica_worker_arguments(const std::string& served_name,
                                                  const DeviceChoice& device);

// Serves until the parent goes away and ends the process. `arguments` are those after argv[0],
// for which serve::is_replica_command() holds.
[[noreturn]] void replica_worker(const std::vector<std::string>& arguments);

}  // namespace podium::workflow
