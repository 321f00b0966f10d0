// Windows of shared memory: what is put in comes out, in any order of sizes, and nothing that is
// still needed is overwritten.
#include "ps/tcp/window.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <deque>

#include "core/error.hpp"
#include "core/random.hpp"

namespace podium::ps {
namespace {

constexpr size_t ring_bytes = size_t{64} << 10;

struct Sent {
  uint64_t position = 0;
  size_t bytes = 0;
  std::byte value{};
};

bool holds(std::span<const std::byte> bytes, std::byte value) {
  return std::ranges::all_of(bytes, [&](std::byte byte) { return byte == value; });
}

TEST(Window, GivesBackWhatWasPutIn) {
  Window worker(ring_bytes);
  Window server(FileDescriptor(::dup(worker.descriptor())), ring_bytes);
  std::deque<Sent> under_way;
  Random random(7);
  size_t refused = 0;
  for (int i = 0; i < 20'000; ++i) {
    const size_t bytes = 1 + random.below(i % 5 == 0 ? ring_bytes : 4000);
    if (const auto place = worker.take(bytes)) {
      const auto value = static_cast<std::byte>(random.below(256));
      std::ranges::fill(place->bytes, value);
      under_way.push_back({place->position, bytes, value});
    } else {
      ++refused;
      ASSERT_FALSE(under_way.empty()) << "an empty ring takes all that fits into it";
    }
    const size_t keep = random.below(4);
    while (under_way.size() > keep) {
      const Sent sent = under_way.front();
      under_way.pop_front();
      const auto bytes_there = server.at(sent.position, sent.bytes);
      ASSERT_TRUE(bytes_there);
      ASSERT_TRUE(holds(*bytes_there, sent.value)) << "message " << i;
      server.release(sent.position, sent.bytes);
    }
  }
  EXPECT_GT(refused, 100U);  // the ring was full at times
}

TEST(Window, UsesFewPagesForFewMessages) {
  Window worker(ring_bytes);
  Window server(FileDescriptor(::dup(worker.descriptor())), ring_bytes);
  for (int i = 0; i < 100; ++i) {
    const auto one = worker.take(1000);
    const auto two = worker.take(1000);
    ASSERT_TRUE(one && two);
    EXPECT_LT(two->position % ring_bytes, 4096U);
    server.release(one->position, 1000);
    server.release(two->position, 1000);
  }
}

TEST(Window, BothWaysAreApart) {
  Window worker(ring_bytes);
  Window server(FileDescriptor(::dup(worker.descriptor())), ring_bytes);
  const auto there = worker.take(ring_bytes);
  const auto back = server.take(ring_bytes);
  ASSERT_TRUE(there && back);
  std::ranges::fill(there->bytes, std::byte{1});
  std::ranges::fill(back->bytes, std::byte{2});
  EXPECT_TRUE(holds(*server.at(there->position, ring_bytes), std::byte{1}));
  EXPECT_TRUE(holds(*worker.at(back->position, ring_bytes), std::byte{2}));
  EXPECT_FALSE(worker.take(1));
}

TEST(Window, RefusesWhatCannotBe) {
  Window worker(ring_bytes);
  const FileDescriptor shared(::dup(worker.descriptor()));
  EXPECT_THROW(Window(shared, 2 * ring_bytes), Error);
  EXPECT_THROW(Window(shared, ring_bytes + 64), Error);
  EXPECT_THROW(Window(size_t{1000}), Error);
  // Whose size can still change would be a trap.
  FileDescriptor unsealed(::memfd_create("test", MFD_CLOEXEC));
  ASSERT_EQ(::ftruncate(unsealed.get(), 4096 + 2 * ring_bytes), 0);
  EXPECT_THROW(Window(unsealed, ring_bytes), Error);

  Window server(shared, ring_bytes);
  EXPECT_FALSE(server.at(1, 10));           // no line begins there
  EXPECT_FALSE(server.at(64, ring_bytes));  // it would leave the ring
  server.release(10 * ring_bytes, 64);      // it never got that
  EXPECT_THROW(worker.take(64), Error);
}

}  // namespace
}  // namespace podium::ps
