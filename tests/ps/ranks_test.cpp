// The checks of every transport over real ranks: the last two serve.
#include <gtest/gtest.h>

#include "comm/barrier.hpp"
#include "mpi_test_main.hpp"
#include "ps/consistency_checks.hpp"
#include "ps/mpi/rank_group.hpp"

namespace podium::ps {
namespace {

using podium::test::environment;

class Ranks : public testing::TestWithParam<size_t> {};

TEST_P(Ranks, Keep) {
  const checks::Scene scene = checks::all_scenes().at(GetParam()).second;
  const int servers = scene.options.servers;
  const auto group = environment->world("ps");
  const bool serves = is_server_rank(*group, servers);
  const auto peers = environment->split("workers", serves ? 1 : 0);
  group->set_policy({std::chrono::seconds(60), Backoff::Kind::idle});
  if (serves) {
    serve_ranks(*group, scene.buffers, std::vector<float>(scene.values()), scene.options);
    return;
  }
  const KeyMap map(scene.buffers, scene.options);
  const auto worker = join_ranks(*group, map, scene.options);
  scene.body(
      {*worker, static_cast<uint32_t>(peers->rank()), static_cast<uint32_t>(peers->size()), [&] {
         comm::barrier(*peers, {std::chrono::seconds(60), Backoff::Kind::idle});
       }});
  worker->leave();
}

INSTANTIATE_TEST_SUITE_P(Each, Ranks, testing::Range<size_t>(0, checks::all_scenes().size()),
                         [](const auto& one) { return checks::all_scenes().at(one.param).first; });

}  // namespace
}  // namespace podium::ps
