// Kills and swaps for some seconds on end, under load: no request fails and no client goes back.
// bench/serve_soak.py does so for as long as one likes, with real models and at half the capacity.
#include <gtest/gtest.h>

#include <csignal>

#include "load.hpp"
#include "service_fixture.hpp"

namespace podium::serve::test {
namespace {

class Soak : public ServiceTest {};

TEST_F(Soak, TenSecondsOfKillsAndSwapsLoseNothing) {
  constexpr int rounds = 20;
  constexpr int kill_every = 2;  // rounds: at most four deaths of each replica, five leave it down
  ServiceOptions three = options();
  three.replicas = 3;
  start_serving(three, "shift 1");
  Load load(service_->port(), 4);
  for (int round = 0; round < rounds; ++round) {
    const int before = load.answered();
    const Deadline end(500ms);
    if (round % kill_every == 0) {
      const size_t victim = static_cast<size_t>(round / kill_every) % 3;
      ::kill(service_->stats().replicas[victim].pid, SIGKILL);
    }
    const int version = round + 2;
    const DeployResult result = deploy(version, "shift " + std::to_string(version));
    ASSERT_TRUE(result.deployed) << result.error;
    ASSERT_TRUE(eventually([&] { return all_ready() && load.answered() > before + 40; }));
    while (!end.expired()) std::this_thread::sleep_for(5ms);
  }
  load.stop();
  EXPECT_EQ(load.complaints(), std::vector<std::string>{});
  const ServiceStats stats = service_->stats();
  EXPECT_EQ(stats.failed, 0);
  EXPECT_EQ(stats.rejected, 0);
  EXPECT_EQ(stats.swaps, rounds);
  EXPECT_EQ(stats.restarts, rounds / kill_every);
  EXPECT_EQ(stats.requests, load.answered());
}

}  // namespace
}  // namespace podium::serve::test
