// A trainer as a process of its own (crew_engine.hpp), which may die while others go on.
//
// It is told what to train (trainer_setup.hpp), joins the parameter servers when it is called,
// takes the steps of the leases it gets, telling each, and leaves the servers when there is nothing
// more to do. It ends as soon as its rank is gone.
#pragma once

#include <string>
#include <vector>

namespace podium::train {

// What to start it with; `name` is for people who list processes.
std::vector<std::string> trainer_command(const std::string& name);

// What main() runs for that command.
bool is_trainer_command(const std::vector<std::string>& arguments);
[[noreturn]] void run_trainer(const std::vector<std::string>& arguments);

}  // namespace podium::train
