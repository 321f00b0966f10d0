// `podium search`, and its worker processes: controllers and children.
#pragma once

#include <string>
#include <vector>

#include "core/error.hpp"
#include "verbs.hpp"

namespace podium {

ExitCode search_verb(const VerbContext& context);

// What main() runs for the command that a search starts its workers with. Returns the exit code.
bool is_search_worker(const std::vector<std::string>& arguments);
std::string search_worker_name(const std::vector<std::string>& arguments);  // "child 3"
int run_search_worker(const std::vector<std::string>& arguments, const Log& log);

}  // namespace podium
