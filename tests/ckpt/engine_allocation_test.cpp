// The rounds of an update allocate nothing: counted over real MPI.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "ckpt/engine/host/host_stages.hpp"
#include "ckpt/engine/rounds.hpp"
#include "mpi_test_main.hpp"

namespace {
std::atomic<size_t> allocations{0};  // the operators below cannot be members
}  // namespace

void* operator new(size_t bytes) {
  ++allocations;
  if (void* memory = std::malloc(bytes == 0 ? 1 : bytes)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, size_t) noexcept {
  std::free(memory);
}

namespace podium::ckpt::engine {
namespace {

using podium::test::environment;

constexpr uint64_t bucket_bytes = 4096;

TEST(EngineAllocations, AreMadeBeforeTheLoop) {
  const std::unique_ptr<comm::Communicator> group = environment->world("engine");
  const int ranks = group->size();
  const std::vector<Piece> whole = {{"weights", {200'000}, 4, 0, 800'000}};
  std::vector<Metas> metas;
  std::unique_ptr<HostShard> own;
  for (int rank = 0; rank < ranks; ++rank) {
    auto shard = std::make_unique<HostShard>(
        1, "", slice_of(whole, static_cast<size_t>(rank), static_cast<size_t>(ranks)),
        bucket_bytes);
    shard->seal();
    metas.push_back(shard->metas());
    if (rank == group->rank()) own = std::move(shard);
  }
  const Plan plan = make_plan(metas, bucket_bytes);
  const Buffers buffers{2, 2, bucket_bytes};
  const Pods pods(ranks, ranks);
  const Segment segment(buffers.ipc, bucket_bytes);
  const auto stages = make_host_stages(segment, buffers, true);
  Rounds rounds(*group, pods, segment, *stages, 10'000);
  uint64_t base = 0;
  for (const Schedule schedule :
       {Schedule::one, Schedule::two, Schedule::three, Schedule::automatic}) {
    const size_t before = allocations;
    const Rounds::Result result = rounds.run(plan, *own, base, schedule, buffers, {});
    EXPECT_EQ(allocations - before, 0U) << to_string(schedule);
    EXPECT_FALSE(result.failed);
    base += plan.buckets.size();
  }
}

}  // namespace
}  // namespace podium::ckpt::engine
