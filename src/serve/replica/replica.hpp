// Replica: the worker process that parses requests and computes predictions.
//
// It speaks frames (frame.hpp) on one socket. Threads: the caller's reads frames and parses
// requests; one computes batches over requests (batcher.hpp); one loads and warms up new versions
// while the old one serves (model_slot.hpp). All sleep when nothing arrives.
//
// Invariants: a batch is computed by one version, which its replies name. When the socket ends, the
// process exits at once: the parent is gone or wants it gone.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "core/worker_process.hpp"
#include "serve/feedback/decision.hpp"
#include "serve/replica/predictor.hpp"

namespace podium::serve {

// First argument of a replica process. main() must look for it before anything else.
inline constexpr const char* replica_verb = "__replica";

struct ReplicaOptions {
  std::string name = "replica-0";  // "server_replica" in replies
  int max_batch = 64;              // images computed at once, if the model takes as many
  std::chrono::milliseconds batch_delay{0};
  size_t max_body_bytes = size_t{64} << 20;
  int socket = worker_socket_fd;
  std::chrono::milliseconds batch_target_p99{0};  // 0: batches are as large as max_batch
  Deciding deciding = Deciding::silent;
  std::string trace;  // the ticket of its trace (core/trace.hpp); empty: none
  int rank = 0;       // that started it
};

// The command line of a replica: `__replica NAME MAX_BATCH BATCH_DELAY_MS MAX_BODY_BYTES
// BATCH_TARGET_P99_MS DECIDING TRACE RANK [MORE...]`.
struct ReplicaCommand {
  ReplicaOptions options;
  std::vector<std::string> more;  // ServiceOptions::replica_arguments
};

// Of a replica called `name` in a service with these options.
struct ServiceOptions;
ReplicaCommand replica_command(const ServiceOptions& options, const std::string& name);

// `arguments` are those after argv[0].
bool is_replica_command(const std::vector<std::string>& arguments);
// Throws usage_error.
ReplicaCommand parse_replica_command(const std::vector<std::string>& arguments);
std::vector<std::string> replica_arguments(const ReplicaCommand& command);

// Serves until the socket ends, then leaves the process without running destructors: status 0 at
// the end of the socket, 70 when it broke. `loader` is called on the loading thread. Throws what
// stands in the way of starting.
[[noreturn]] void run_replica(const ReplicaOptions& options, const PredictorLoader& loader);

}  // namespace podium::serve
