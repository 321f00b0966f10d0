// What goes into a batch.
#include "serve/replica/batcher.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

namespace podium::serve {
namespace {

using namespace std::chrono_literals;

QueuedInference request(uint64_t id, int images) {
  QueuedInference item;
  item.id = id;
  item.inference.n = images;
  item.received = SteadyClock::now();
  return item;
}

std::vector<uint64_t> ids(const std::vector<QueuedInference>& batch) {
  std::vector<uint64_t> result;
  for (const QueuedInference& item : batch) result.push_back(item.id);
  return result;
}

using Ids = std::vector<uint64_t>;

TEST(Batcher, TakesWhatIsQueuedInOrderUpToTheLimit) {
  Batcher batcher(8, 0ms);
  for (const auto& [id, images] : {std::pair{1, 3}, {2, 4}, {3, 2}, {4, 20}, {5, 1}}) {
    batcher.push(request(static_cast<uint64_t>(id), images));
  }
  EXPECT_EQ(ids(batcher.next_batch()), (Ids{1, 2}));
  EXPECT_EQ(ids(batcher.next_batch()), (Ids{3}));
  EXPECT_EQ(ids(batcher.next_batch()), (Ids{4})) << "a large request goes alone";
  EXPECT_EQ(ids(batcher.next_batch()), (Ids{5}));
}

TEST(Batcher, WithADelayABatchFillsUp) {
  Batcher batcher(3, 20s);
  std::thread sender([&] {
    for (uint64_t id = 1; id <= 3; ++id) {
      batcher.push(request(id, 1));
      std::this_thread::sleep_for(5ms);
    }
  });
  EXPECT_EQ(ids(batcher.next_batch()), (Ids{1, 2, 3}));
  sender.join();
}

TEST(Batcher, TheDelayEnds) {
  Batcher batcher(100, 1ms);
  batcher.push(request(1, 1));
  EXPECT_EQ(ids(batcher.next_batch()), (Ids{1}));
}

TEST(Batcher, ClosingWakesTheTaker) {
  Batcher batcher(4, 20s);
  std::thread closer([&] {
    std::this_thread::sleep_for(5ms);
    batcher.close();
  });
  EXPECT_TRUE(batcher.next_batch().empty());
  closer.join();
}

}  // namespace
}  // namespace podium::serve
