// Real MPI ranks ask the service of rank 0; replicas are this executable, started again without
// MPI.
#include <gtest/gtest.h>

#include <fstream>

#include "comm/barrier.hpp"
#include "comm/mpi/mpi_environment.hpp"
#include "rank_door_checks.hpp"
#include "replica_main.hpp"
#include "serve/rank_door.hpp"
#include "temporary_folder.hpp"

namespace podium::serve::test {
namespace {

using namespace std::chrono_literals;

comm::MpiEnvironment* environment = nullptr;

// Rank 0's service, from its start until all others have asked.
void serve_until_all_have_asked(comm::Communicator& requests, comm::Communicator& steps) {
  const podium::test::TemporaryFolder folder;
  std::ofstream(folder.path() / "model") << "shift 0\n";
  const Log log(LogLevel::error, "test");
  ServiceOptions options;
  options.model_name = "bands";
  Service service(options, log);
  RankDoor door(service, requests, log);
  const DeployResult deployed = service.deploy((folder.path() / "model").string(), 1, 20s);
  EXPECT_TRUE(deployed.deployed) << deployed.error;
  comm::barrier(steps, {60s, Backoff::Kind::idle});
  comm::barrier(steps, {60s, Backoff::Kind::idle});
  EXPECT_TRUE(service.drain(20s));
  door.end();
  EXPECT_EQ(service.stats().failed, 0);
  EXPECT_EQ(service.stats().requests, 7 * (steps.size() - 1));
}

TEST(RankDoorMpi, EveryRankIsAnswered) {
  const std::unique_ptr<comm::Communicator> requests = environment->world("requests");
  const std::unique_ptr<comm::Communicator> steps = environment->world("steps");
  if (environment->rank() == 0) return serve_until_all_have_asked(*requests, *steps);
  comm::barrier(*steps, {60s, Backoff::Kind::idle});
  check_answers(*requests, 0);
  check_calls(*requests, 0);
  comm::barrier(*steps, {60s, Backoff::Kind::idle});
}

}  // namespace
}  // namespace podium::serve::test

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (podium::serve::is_replica_command(arguments)) {
    return podium::serve::test::replica_main(arguments);
  }
  testing::InitGoogleTest(&argc, argv);
  podium::comm::MpiEnvironment mpi;
  podium::serve::test::environment = &mpi;
  const int failed = RUN_ALL_TESTS();
  mpi.finalize();
  return failed;
}
