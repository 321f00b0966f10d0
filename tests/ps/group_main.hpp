// The other lives of the tests' executable: a server that a group starts, and a worker process that
// can be killed.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "core/worker_process.hpp"
#include "ps/keys.hpp"
#include "ps/options.hpp"

namespace podium::ps::test_group {

inline constexpr std::chrono::milliseconds limit{30'000};

// What the tests' groups hold, and how.
std::vector<NamedSize> buffers();
size_t values();
GroupOptions options(int servers, int replicas, Consistency consistency);

// A process that joins as worker `number` and steps, each step adding 1 to every value, until it is
// killed. It says "N\n" on its socket after each step, N its clock.
WorkerProcess start_stepper(const std::string& ticket, uint32_t number,
                            const GroupOptions& options);
bool is_stepper_command(const std::vector<std::string>& arguments);
[[noreturn]] void run_stepper(const std::vector<std::string>& arguments);

}  // namespace podium::ps::test_group
