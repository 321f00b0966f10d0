// main() of the tests over real sockets: replicas are this executable, started again.
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <vector>

#include "region_predictor.hpp"
#include "serve/replica/replica.hpp"

namespace podium::serve::test {
namespace {

// Further arguments: "die=NAME" ends the replica of that name at once.
int replica_main(const std::vector<std::string>& arguments) {
  const ReplicaCommand command = parse_replica_command(arguments);
  for (const std::string& more : command.more) {
    if (more == "die=" + command.options.name) return 3;
  }
  run_replica(command.options, region_loader(command.options.name));
}

}  // namespace
}  // namespace podium::serve::test

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (podium::serve::is_replica_command(arguments)) {
    return podium::serve::test::replica_main(arguments);
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
