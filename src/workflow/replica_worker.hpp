// The worker process behind a replica: the same executable without MPI, started by serve::Service.
#pragma once

#include <string>
#include <vector>

namespace podium::workflow {

// True if the arguments (without argv[0]) are those of a replica worker.
bool is_replica_worker(const std::vector<std::string>& arguments);

// Serves until the parent goes away; returns the exit code.
int replica_worker(const std::vector<std::string>& arguments);

// What Service passes to its replicas so that they rebuild `served_name` as published.
std::vector<std::string> replica_arguments(const std::string& served_name, int max_batch,
                                           int threads);

}  // namespace podium::workflow
