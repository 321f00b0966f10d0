// The checkpoint engine on real GPUs, one or several: ranks and workers are processes.
#include <gtest/gtest.h>

#include <deque>

#include "ckpt/engine/engine.hpp"
#include "ckpt/engine_workers.hpp"
#include "core/device_choice.hpp"
#include "gpu_test.hpp"
#include "mpi_test_main.hpp"

namespace podium::ckpt::engine::test {
namespace {

using podium::test::environment;

EngineOptions options(Schedule schedule) {
  EngineOptions options;
  options.schedule = schedule;
  options.bucket_bytes = 16384;
  options.stall = patience;  // a process's first touch of a GPU is slow
  options.secret = "open sesame";
  options.log = Log(LogLevel::error, "");
  options.gpu = choose_device(DeviceRequest::cuda, probe_accelerators(), environment->node_rank(),
                              environment->node_ranks())
                    .gpu;
  return options;
}

// Three versions to three workers of each pod, on the host and on the GPU.
void run_updates(int pod_count, Schedule schedule) {
  const auto group = environment->world("engine");
  Engine engine(*group, pod_count, options(schedule));
  EXPECT_TRUE(engine.on_gpus());
  const Pods pods(group->size(), pod_count);
  std::deque<Worker> workers;
  if (pods.first(pods.of(group->rank())) == group->rank()) {
    workers.emplace_back(engine.gate(), "host", "keep");
    workers.emplace_back(engine.gate(), "first half", "gpu", 0, 2);
    workers.emplace_back(engine.gate(), "second half", "gpu", 1, 2);
    for (Worker& worker : workers) EXPECT_TRUE(worker.report().contains("joined"));
  }
  for (const uint64_t version : {1, 2, 3}) {
    auto shard = engine.make_shard(version, "",
                                   slice_of(whole_model(), static_cast<size_t>(group->rank()),
                                            static_cast<size_t>(group->size())));
    fill(*shard, version);
    shard->seal();
    engine.hold(std::move(shard));
    const UpdateReport report = engine.update(3, patience);
    EXPECT_TRUE(report.committed) << report.reason;
    EXPECT_EQ(report.workers, static_cast<size_t>(3 * pod_count));
    for (Worker& worker : workers) {
      const Json told = worker.report();
      EXPECT_EQ(told.value("version", uint64_t{99}), version) << told;
      EXPECT_EQ(told.value("wrong", 99), 0) << told;
    }
  }
}

TEST(CudaEngine, GivesEveryPodTheSameBytesByEverySchedule) {
  PODIUM_NEEDS_GPU();
  for (const Schedule schedule :
       {Schedule::one, Schedule::two, Schedule::three, Schedule::automatic}) {
    run_updates(1, schedule);
    if (environment->size() > 1) run_updates(environment->size(), schedule);
  }
}

}  // namespace
}  // namespace podium::ckpt::engine::test
