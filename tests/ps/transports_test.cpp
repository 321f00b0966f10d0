// The same checks over every transport that one process can start: servers as processes, with and
// without shared memory, and as ranks that are threads. tests/ps/ranks_test.cpp has real ranks.
#include <gtest/gtest.h>

#include <barrier>
#include <thread>

#include "comm/thread_ranks.hpp"
#include "ps/consistency_checks.hpp"
#include "ps/mpi/rank_group.hpp"
#include "ps/tcp/server_group.hpp"

namespace podium::ps {
namespace {

constexpr uint32_t workers = 3;

void over_processes(const checks::Scene& scene, bool shared_memory) {
  ServerGroup::Options options;
  options.group = scene.options;
  options.shared_memory = shared_memory;
  options.log = Log(LogLevel::warning, "test");
  ServerGroup group(scene.buffers, std::vector<float>(scene.values()), options);
  const KeyMap map(scene.buffers, scene.options);
  std::barrier<> barrier(workers);
  std::vector<std::string> errors(workers);
  std::vector<std::thread> threads;
  for (uint32_t index = 0; index < workers; ++index) {
    threads.emplace_back([&, index] {
      try {
        const auto worker = join_group(group.ticket(), index, map, scene.options);
        barrier.arrive_and_wait();
        scene.body({*worker, index, workers, [&] { barrier.arrive_and_wait(); }});
        worker->leave();
      } catch (const Error& error) {
        errors[index] = error.what();
        barrier.arrive_and_drop();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  test::expect_no_errors(errors);
  EXPECT_EQ(group.restarts(), 0);
}

void over_thread_ranks(const checks::Scene& scene) {
  const int servers = scene.options.servers;
  std::barrier<> barrier(workers);
  const KeyMap map(scene.buffers, scene.options);
  test::expect_no_errors(
      test::on_thread_ranks(static_cast<int>(workers) + servers, [&](comm::Communicator& group) {
        if (is_server_rank(group, servers)) {
          serve_ranks(group, scene.buffers, std::vector<float>(scene.values()), scene.options);
          return;
        }
        const auto worker = join_ranks(group, map, scene.options);
        scene.body({*worker, static_cast<uint32_t>(group.rank()), workers,
                    [&] { barrier.arrive_and_wait(); }});
        worker->leave();
      }));
}

struct Way {
  const char* name;
  std::function<void(const checks::Scene&)> run;
};

const std::vector<Way>& ways() {
  static const std::vector<Way> all = {
      {"SharedMemory", [](const checks::Scene& scene) { over_processes(scene, true); }},
      {"Tcp", [](const checks::Scene& scene) { over_processes(scene, false); }},
      {"Ranks", over_thread_ranks}};
  return all;
}

class Transport : public testing::TestWithParam<std::tuple<size_t, size_t>> {};

TEST_P(Transport, Keeps) {
  const auto& [way, scene] = GetParam();
  ways().at(way).run(checks::all_scenes().at(scene).second);
}

INSTANTIATE_TEST_SUITE_P(Each, Transport,
                         testing::Combine(testing::Range<size_t>(0, ways().size()),
                                          testing::Range<size_t>(0, checks::all_scenes().size())),
                         [](const auto& one) {
                           return std::string(ways().at(std::get<0>(one.param)).name) +
                                  checks::all_scenes().at(std::get<1>(one.param)).first;
                         });

}  // namespace
}  // namespace podium::ps
