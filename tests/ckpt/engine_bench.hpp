// Bench: a checkpoint engine over all ranks of a test, with the workers of their pods.
#pragma once

#include <gtest/gtest.h>

#include "ckpt/engine/engine.hpp"
#include "ckpt/engine_workers.hpp"
#include "mpi_test_main.hpp"

namespace podium::ckpt::engine::test {

using podium::test::environment;

inline EngineOptions options(Schedule schedule = Schedule::automatic, bool copies = false) {
  EngineOptions options;
  options.schedule = schedule;
  options.copies = copies;
  options.bucket_bytes = 16384;
  options.stall = std::chrono::milliseconds(1000);
  options.secret = "open sesame";
  options.traced_spans = 1000;
  options.log = Log(LogLevel::error, "");
  return options;
}

// An engine over all ranks, and the workers of this rank's pod if it leads.
class Bench {
 public:
  explicit Bench(int pods, const EngineOptions& options = test::options())
      : group(environment->world("engine")),
        engine(*group, std::min(pods, group->size()), options),
        pods_(group->size(), std::min(pods, group->size())) {}

  bool leads() const { return pods_.first(pods_.of(group->rank())) == group->rank(); }
  int pods() const { return pods_.count(); }

  void start(const std::string& habit, size_t part = 0, size_t parts = 1) {
    if (!leads()) return;
    workers.emplace_back(engine.gate(), habit + std::to_string(workers.size()), habit, part, parts);
    EXPECT_TRUE(workers.back().report().contains("joined"));
  }

  void hold(uint64_t version) {
    std::unique_ptr<HostShard> shard =
        engine.make_shard(version, group->rank() == 0 ? "a card" : "",
                          slice_of(whole_model(), static_cast<size_t>(group->rank()),
                                   static_cast<size_t>(group->size())));
    fill(*shard, version);
    shard->seal();
    engine.hold(std::move(shard));
  }

  // One version after the other, to one worker of each pod.
  void serve(std::initializer_list<uint64_t> versions) {
    for (const uint64_t version : versions) {
      hold(version);
      EXPECT_TRUE(update(1).committed);
      expect_version(version);
    }
  }

  UpdateReport update(size_t expected) {
    return engine.update(expected, std::chrono::milliseconds(10'000));
  }

  // What the first `count` workers of this pod have to say.
  void expect_version(uint64_t version, size_t from = 0) {
    for (size_t i = from; i < workers.size(); ++i) {
      const Json told = workers[i].report();
      EXPECT_EQ(told.value("version", uint64_t{99}), version) << told;
      EXPECT_EQ(told.value("wrong", 99), 0) << told;
    }
  }

  std::unique_ptr<comm::Communicator> group;
  Engine engine;
  std::deque<Worker> workers;

 private:
  Pods pods_;
};

}  // namespace podium::ckpt::engine::test
