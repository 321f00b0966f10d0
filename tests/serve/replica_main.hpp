// A replica of the tests, which start their own executable again.
#pragma once

#include <string>
#include <vector>

#include "region_predictor.hpp"
#include "serve/replica/replica.hpp"

namespace podium::serve::test {

// Further arguments: "die=NAME" ends the replica of that name at once.
inline int replica_main(const std::vector<std::string>& arguments) {
  const ReplicaCommand command = parse_replica_command(arguments);
  for (const std::string& more : command.more) {
    if (more == "die=" + command.options.name) return 3;
  }
  run_replica(command.options, region_loader(command.options.name));
}

}  // namespace podium::serve::test
