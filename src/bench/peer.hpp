// A peer: another program that does the same work, measured beside ours.
//
// It is a script of bench/ that prints one JSON object with its timings as its last line. It runs
// without the environment of an MPI launcher. Calls block until it ends.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace podium::bench {

// Runs `command` (program and arguments; the program is searched on the PATH) and returns the JSON
// of its last line. Throws unavailable_error when it cannot be started, fails, or prints no JSON.
nlohmann::json run_peer(const std::vector<std::string>& command);

// The first of the usual Python interpreters that can import `module`; empty if none can.
std::string python_with(const std::string& module);

}  // namespace podium::bench
