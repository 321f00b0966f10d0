// No sum allocates, save one that is longer than any before it: counted over real MPI.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "comm/allreduce_checks.hpp"
#include "mpi_test_main.hpp"

namespace {
std::atomic<size_t> allocations{0};  // the operators below cannot be members
}  // namespace

void* operator new(size_t bytes) {
  ++allocations;
  if (void* memory = std::malloc(bytes == 0 ? 1 : bytes)) return memory;
  throw std::bad_alloc();
}

void* operator new(size_t bytes, std::align_val_t alignment) {
  ++allocations;
  const auto line = static_cast<size_t>(alignment);
  if (void* memory = std::aligned_alloc(line, (bytes + line - 1) / line * line)) return memory;
  throw std::bad_alloc();
}

void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, size_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, size_t, std::align_val_t) noexcept {
  std::free(memory);
}

namespace podium::comm {
namespace {

using test::environment;

TEST(AllReduceAllocations, AreMadeOnceForAll) {
  const std::unique_ptr<Communicator> group = environment->world("world");
  for (const Algorithm algorithm : all_algorithms()) {
    AllReduceOptions options;
    options.algorithm = algorithm;
    AllReduce allreduce(*group, options);
    std::vector<float> values(200'000);
    allreduce.sum(std::span<float>(values), "the longest one");
    const size_t before = allocations;
    for (const size_t count : {200'000, 0, 3, 70'000, 1000}) {
      allreduce.weighted_sum(std::span(values).first(count), 0.5F, "a shorter one");
    }
    EXPECT_EQ(allocations - before, 0U) << name_of(algorithm);
  }
}

TEST(AllReduceAllocations, AreMadeOnceForAllRoundedSumsToo) {
  const std::unique_ptr<Communicator> group = environment->world("world");
  for (const Algorithm algorithm : {Algorithm::ring, Algorithm::halving, Algorithm::tree}) {
    AllReduceOptions options;
    options.algorithm = algorithm;
    options.wire = WireType::bf16;
    AllReduce allreduce(*group, options);
    std::vector<float> values(200'000);
    std::vector<float> residual(200'000);
    allreduce.sum(std::span<float>(values), "the longest one", residual);
    const size_t before = allocations;
    for (const size_t count : {200'000, 3, 70'000, 1000}) {
      allreduce.weighted_sum(std::span(values).first(count), 0.5F, "a shorter one",
                             std::span(residual).first(count));
    }
    EXPECT_EQ(allocations - before, 0U) << name_of(algorithm);
  }
}

}  // namespace
}  // namespace podium::comm
