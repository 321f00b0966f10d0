// main() of the tests over real sockets: replicas are this executable, started again.
#include <gtest/gtest.h>

#include <csignal>
#include <string>
#include <vector>

#include "replica_main.hpp"

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (podium::serve::is_replica_command(arguments)) {
    return podium::serve::test::replica_main(arguments);
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
