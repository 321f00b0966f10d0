// Batches that hold a p99: the tuner in a simulated replica, with a simulated clock.
#include "serve/replica/batch_tuner.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <deque>

#include "core/random.hpp"

namespace podium::serve {
namespace {

using Time = BatchTuner::Time;
using namespace std::chrono_literals;

// A replica whose batch of b images takes fixed + b * each, and more when it is a large one, under
// Poisson arrivals of one image.
class Simulation {
 public:
  Simulation(int max_batch, Time target, Time fixed, Time each)
      : tuner_(max_batch, target), max_batch_(max_batch), fixed_(fixed), each_(each) {}

  struct Outcome {
    Time p99{};
    double mean_batch = 0;
  };

  // What the second half of `requests` requests at `per_second` meet.
  Outcome run(double per_second, int requests) {
    std::vector<Time> latencies;
    int batches = 0;
    for (int done = 0; done < requests;) {
      const int images = one_batch(per_second, done >= requests / 2 ? &latencies : nullptr);
      done += images;
      batches += done > requests / 2;
    }
    std::ranges::sort(latencies);
    return {latencies[latencies.size() * 99 / 100],
            static_cast<double>(latencies.size()) / batches};
  }

  // From now on a batch of more than `images` takes so much longer.
  void slow_down(int images, Time more) {
    small_ = images;
    more_ = more;
  }

  const BatchTuner& tuner() const { return tuner_; }
  int largest() const { return largest_; }

 private:
  void arrive_until(Time end, double per_second) {
    while (next_ <= end) {
      queue_.push_back(next_);
      next_ += Time(1 + static_cast<int64_t>(-std::log(1 - random_.uniform()) * 1e6 / per_second));
    }
  }

  int one_batch(double per_second, std::vector<Time>* latencies) {
    arrive_until(now_, per_second);
    if (queue_.empty()) now_ = next_;
    arrive_until(now_, per_second);
    const Time due = queue_.front() + tuner_.delay();
    while (now_ < due && queue_.size() < static_cast<size_t>(tuner_.batch())) {
      now_ = std::min(due, next_);
      arrive_until(now_, per_second);
    }
    const int images =
        static_cast<int>(std::min(queue_.size(), static_cast<size_t>(tuner_.batch())));
    largest_ = std::max(largest_, images);
    EXPECT_LE(tuner_.batch(), max_batch_);
    EXPECT_GE(tuner_.batch(), 1);
    const Time infer = fixed_ + images * each_ + (images > small_ ? more_ : Time(0));
    now_ += infer;
    for (int i = 0; i < images; ++i) {
      tuner_.answered(now_ - queue_.front());
      if (latencies) latencies->push_back(now_ - queue_.front());
      queue_.pop_front();
    }
    tuner_.computed(images, infer);
    return images;
  }

  BatchTuner tuner_;
  int max_batch_;
  Time fixed_;
  Time each_;
  int small_ = 0;  // images of a batch that does not take more
  Time more_{0};
  Random random_{7};
  Time now_{0};
  Time next_{0};
  std::deque<Time> queue_;
  int largest_ = 0;
};

TEST(BatchTuner, HoldsTheTargetUnderStepsOfLoad) {
  Simulation replica(64, 20ms, 2ms, 100us);  // at most 7,600 images a second
  for (const double load : {100.0, 2000.0, 4000.0, 300.0, 5000.0, 50.0, 3000.0}) {
    EXPECT_LE(replica.run(load, 20'000).p99, 20ms) << load << " per second";
  }
  EXPECT_LE(replica.largest(), 64);
}

// Fast at first, so that batches grow and wait. Then large ones do not fit into the cache any more,
// and take so long that as many requests wait behind each as make the next one large: only the
// p99 tells.
TEST(BatchTuner, ShrinksBatchesThatHaveBecomeSlow) {
  Simulation replica(64, 20ms, 500us, 20us);
  replica.run(10'000, 100'000);
  EXPECT_GE(replica.tuner().batch(), 32);
  replica.slow_down(16, 12ms);
  EXPECT_LE(replica.run(2000, 40'000).p99, 20ms);
  EXPECT_LE(replica.tuner().batch(), 24);
}

TEST(BatchTuner, BatchesGrowAsFarAsTheirTimeAllows) {
  Simulation quick(64, 100ms, 1ms, 50us);  // 64 images take 4.2 ms
  quick.run(20'000, 100'000);              // more than it can do
  EXPECT_EQ(quick.tuner().batch(), 64);
  Simulation slow(64, 10ms, 1ms, 200us);  // 5 ms, half of the target, are 20 images
  slow.run(3000, 50'000);
  EXPECT_GE(slow.largest(), 15);
  EXPECT_LE(slow.largest(), 25);
}

TEST(BatchTuner, LightLoadIsComputedInFullerBatches) {
  Simulation held(64, 40ms, 4ms, 100us);
  Simulation eager(64, 8ms, 4ms, 100us);  // a batch of one leaves no room to wait
  const auto with_room = held.run(200, 20'000);
  const auto without = eager.run(200, 20'000);
  EXPECT_LE(with_room.p99, 40ms);
  EXPECT_GT(with_room.mean_batch, 1.5 * without.mean_batch);
  EXPECT_EQ(eager.tuner().delay(), Time(0));
}

TEST(BatchTuner, KeepsTryingWhereTheTargetCannotBeHeld) {
  Simulation hopeless(32, 1ms, 5ms, 100us);
  hopeless.run(50, 5'000);
  EXPECT_EQ(hopeless.tuner().batch(), 1);
  EXPECT_EQ(hopeless.tuner().delay(), Time(0));
}

TEST(BatchTuner, StaysWithinOneImageWhereOneIsAllowed) {
  Simulation single(1, 50ms, 1ms, 100us);
  single.run(500, 5'000);
  EXPECT_EQ(single.largest(), 1);
}

}  // namespace
}  // namespace podium::serve
