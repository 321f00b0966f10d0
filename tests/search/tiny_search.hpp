// Workers of a search that takes no time, for tests of its driver: real controllers, and children
// that tell a reward of each network without training it. The tests' executable starts itself as
// them: its main() hands such commands to run_worker().
#pragma once

#include <string>
#include <vector>

#include "core/crew.hpp"
#include "search/layout.hpp"
#include "search/method.hpp"

namespace podium::search::tiny {

// Of a layer of the controllers, which are small.
inline constexpr int units = 4;

// The mean of the digits of its text, a tenth of it: from 0 to 0.9.
double reward_of(const std::string& architecture);

// The crew of a search on one rank. A child whose reward would be below `deadly` ends instead.
std::vector<CrewMember> members(const SearchLayout& layout, const std::string& space,
                                const MethodOptions& method, double deadly = 0);

// Kills the processes of this executable that are controllers, or parameter servers.
void kill_controllers();
void kill_servers();

bool is_worker_command(const std::vector<std::string>& arguments);
// Until the search is gone. Returns the exit code.
int run_worker(const std::vector<std::string>& arguments);

}  // namespace podium::search::tiny
