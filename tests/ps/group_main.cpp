#include "ps/group_main.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cstdlib>

#include "core/error.hpp"
#include "ps/tcp/server_group.hpp"

namespace podium::ps::test_group {
namespace {

constexpr const char* stepper_word = "__test_stepper";

}  // namespace

std::vector<NamedSize> buffers() {
  return {{"first", 1000}, {"second", 50}, {"third", 3000}};
}

size_t values() {
  return 4050;
}

GroupOptions options(int servers, int replicas, Consistency consistency) {
  GroupOptions options;
  options.servers = servers;
  options.replicas = replicas;
  options.consistency = consistency;
  options.optimizer.rule = Rule::sum;
  options.patience = limit;
  options.retry = std::chrono::milliseconds(300);
  return options;
}

WorkerProcess start_stepper(const std::string& ticket, uint32_t number, const GroupOptions& group) {
  return WorkerProcess::start({stepper_word, ticket, std::to_string(number),
                               std::to_string(group.servers), std::to_string(group.replicas)});
}

bool is_stepper_command(const std::vector<std::string>& arguments) {
  return arguments.size() == 5 && arguments.front() == stepper_word;
}

void run_stepper(const std::vector<std::string>& arguments) {
  try {
    const GroupOptions group =
        options(std::stoi(arguments.at(3)), std::stoi(arguments.at(4)), Consistency::bsp);
    const auto number = static_cast<uint32_t>(std::stoul(arguments.at(2)));
    const auto worker = join_group(arguments.at(1), number, KeyMap(buffers(), group), group);
    const std::vector<float> ones(values(), 1);
    std::vector<float> theta(values());
    while (true) {
      worker->step(ones, theta, {});
      const std::string line = std::to_string(worker->clock()) + "\n";
      if (::send(worker_socket_fd, line.data(), line.size(), MSG_NOSIGNAL) < 0) std::_Exit(0);
    }
  } catch (const Error&) {
    std::_Exit(1);
  }
}

}  // namespace podium::ps::test_group

int main(int argc, char** argv) {
  using namespace podium::ps;
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (is_server_command(arguments)) run_server(arguments);
  if (test_group::is_stepper_command(arguments)) test_group::run_stepper(arguments);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
