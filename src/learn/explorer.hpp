// Explorer: a worker process that acts in environments by the newest policy it was given, and sends
// what it experiences to the hub.
//
// Its rank starts it, tells it where the hub is, and hears that it lives; from the hub it takes
// orders (hub_messages.hpp), one at a time: take weights, explore a rollout. It says a word at
// least every second, also within a rollout, so that one that hangs is told from one that works. It
// ends when its rank or the hub is gone, or when the hub says so.
//
// Threads: one.
#pragma once

#include <string>
#include <vector>

#include "learn/explorer_task.hpp"

namespace podium::learn {

// The command of an explorer, to be started as a worker process.
std::vector<std::string> explorer_command(const ExplorerTask& task);
bool is_explorer_command(const std::vector<std::string>& arguments);
// What main() runs for it. Throws usage_error, unavailable_error, and what environments throw.
int run_explorer(const std::vector<std::string>& arguments);

}  // namespace podium::learn
