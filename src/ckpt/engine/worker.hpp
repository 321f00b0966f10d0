// A worker of the checkpoint engine without a model: it takes every update that comes and keeps the
// weights, as an inference engine would. `podium bench ckpt` measures with such.
#pragma once

#include <string>
#include <vector>

namespace podium::ckpt::engine {

// First argument of such a process. main() must look for it before anything else.
inline constexpr const char* worker_verb = "__engine_worker";

// Takes part `part` of `parts` of the model, from the gate of a pod.
std::vector<std::string> worker_arguments(const std::string& gate, const std::string& name,
                                          size_t part, size_t parts);
bool is_worker_command(const std::vector<std::string>& arguments);

// Serves until the engine goes. Returns the exit code.
int run_worker(const std::vector<std::string>& arguments);

}  // namespace podium::ckpt::engine
