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

using Ids = std::vector<uint64_t>;

Ids ids(const Batcher::Requests& requests) {
  Ids result;
  for (const QueuedInference& item : requests) result.push_back(item.id);
  return result;
}
Ids ids(const Batcher::Batch& batch) {
  return ids(batch.requests);
}

QueuedInference of_priority(uint64_t id, uint8_t priority) {
  QueuedInference item = request(id, 1);
  item.fields.priority = priority;
  return item;
}

QueuedInference of_bytes(uint64_t id, uint8_t priority, size_t bytes) {
  QueuedInference item = of_priority(id, priority);
  item.inference.images.resize(bytes);
  return item;
}

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
      batcher.announce();
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

TEST(Batcher, TheMoreUrgentGoFirst) {
  Batcher batcher(2, 0ms);
  for (const auto& [id, priority] : {std::pair{1, 9}, {2, 0}, {3, 1}, {4, 5}, {5, 1}}) {
    batcher.push(of_priority(static_cast<uint64_t>(id), static_cast<uint8_t>(priority)));
  }
  EXPECT_EQ(ids(batcher.next_batch()), (Ids{3, 5}));
  EXPECT_EQ(ids(batcher.next_batch()), (Ids{2, 4}));
  EXPECT_EQ(ids(batcher.next_batch()), (Ids{1}));
}

// Two urgent ones arrive for each image that is computed.
TEST(Batcher, AFloodOfUrgentRequestsLetsTheLeastUrgentThrough) {
  Batcher batcher(1, 0ms);
  batcher.push(of_priority(1, 9));
  uint64_t id = 1;
  size_t batches = 0;
  do {
    for (int i = 0; i < 2; ++i) batcher.push(of_priority(++id, 1));
    ASSERT_LE(++batches, 8 * Turns::overtaken + 1);
  } while (ids(batcher.next_batch()) != Ids{1});
  EXPECT_GT(batches, Turns::overtaken);
}

TEST(Batcher, WhatIsPastItsDeadlineIsNotComputed) {
  Batcher batcher(2, 0ms);
  for (uint64_t id = 1; id <= 4; ++id) {
    QueuedInference item = request(id, 1);
    if (id <= 2) item.deadline = item.received;
    if (id == 3) item.deadline = item.received + 1h;
    batcher.push(std::move(item));
  }
  const Batcher::Batch batch = batcher.next_batch();
  EXPECT_EQ(ids(batch.late), (Ids{1, 2}));
  EXPECT_EQ(ids(batch.requests), (Ids{3, 4})) << "their places go to others";
}

TEST(Batcher, ADeadlineCutsTheWaitForCompany) {
  Batcher batcher(100, 1h);
  QueuedInference item = request(1, 1);
  item.deadline = item.received + 20s;
  item.received -= 19s;  // half of its time is over
  batcher.push(std::move(item));
  EXPECT_EQ(ids(batcher.next_batch()), (Ids{1}));
}

TEST(Batcher, AnUrgentDeadlineEndsAWaitThatHasBegun) {
  Batcher batcher(100, 1h);
  std::thread sender([&] {
    batcher.push(request(1, 1));
    batcher.announce();
    std::this_thread::sleep_for(5ms);
    QueuedInference item = request(2, 1);
    item.deadline = item.received + 20s;
    item.received -= 19s;
    batcher.push(std::move(item));
    batcher.announce();
  });
  EXPECT_EQ(ids(batcher.next_batch()), (Ids{1, 2}));
  sender.join();
}

TEST(Batcher, AFullQueueTurnsAwayTheLeastUrgent) {
  Batcher batcher(1, 0ms, 100);
  EXPECT_TRUE(batcher.push(of_bytes(1, 9, 40)).empty());
  EXPECT_TRUE(batcher.push(of_bytes(2, 0, 40)).empty());
  EXPECT_EQ(ids(batcher.push(of_bytes(3, 1, 40))), (Ids{1}));
  EXPECT_EQ(ids(batcher.push(of_bytes(4, 9, 40))), (Ids{4}));
  EXPECT_EQ(ids(batcher.next_batch()), (Ids{3}));
  EXPECT_EQ(ids(batcher.next_batch()), (Ids{2}));
  EXPECT_TRUE(batcher.push(of_bytes(5, 0, 1000)).empty()) << "one alone is always taken";
}

TEST(Batcher, TuningHoldsFromTheNextBatchOn) {
  Batcher batcher(8, 0ms);
  for (uint64_t id = 1; id <= 5; ++id) batcher.push(request(id, 1));
  batcher.tune(2, 0us);
  EXPECT_EQ(ids(batcher.next_batch()), (Ids{1, 2}));
  batcher.tune(3, 1h);
  EXPECT_EQ(ids(batcher.next_batch()), (Ids{3, 4, 5})) << "a full batch does not wait";
}

// Whether a taker that sleeps gets four requests, pushed with pauses and then announced, in one
// batch.
bool takes_all_at_once() {
  Batcher batcher(8, 0ms);
  std::thread reader([&] {
    for (uint64_t id = 1; id <= 4; ++id) {
      std::this_thread::sleep_for(5ms);
      batcher.push(request(id, 1));
    }
    batcher.announce();
  });
  const size_t first = batcher.next_batch().requests.size();
  reader.join();
  return first == 4;
}

TEST(Batcher, WhatArrivesTogetherIsComputedTogether) {
  bool together = false;  // not when the taker comes late, which is no fault
  for (int attempt = 0; attempt < 10 && !together; ++attempt) together = takes_all_at_once();
  EXPECT_TRUE(together);
}

TEST(Batcher, ClosingWakesTheTaker) {
  Batcher batcher(4, 20s);
  std::thread closer([&] {
    std::this_thread::sleep_for(5ms);
    batcher.close();
  });
  EXPECT_TRUE(batcher.next_batch().requests.empty());
  closer.join();
}

}  // namespace
}  // namespace podium::serve
