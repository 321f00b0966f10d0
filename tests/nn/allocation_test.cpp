// A training step, and a prediction, of a batch that has been seen before allocate no buffers: what
// they need was planned. oneDNN takes a few small nodes for the arguments of each primitive, and its
// matrix product 72 KiB a thread.
//
// malloc and its kin are this executable's own here, before those of glibc, and count.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>

#include "nn/model_fixture.hpp"
#include "nn/sgd.hpp"

namespace {

std::atomic<bool> watching{false};
std::atomic<size_t> allocations{0};
std::atomic<size_t> largest{0};

void count(size_t bytes) {
  if (!watching.load(std::memory_order_relaxed)) return;
  ++allocations;
  size_t seen = largest.load();
  while (bytes > seen && !largest.compare_exchange_weak(seen, bytes)) {
  }
}

}  // namespace

extern "C" {
void* __libc_malloc(size_t bytes);
void* __libc_calloc(size_t count, size_t bytes);
void* __libc_realloc(void* old, size_t bytes);
void* __libc_memalign(size_t alignment, size_t bytes);

void* malloc(size_t bytes) {
  count(bytes);
  return __libc_malloc(bytes);
}

void* calloc(size_t number, size_t bytes) {
  count(number * bytes);
  return __libc_calloc(number, bytes);
}

void* realloc(void* old, size_t bytes) {
  count(bytes);
  return __libc_realloc(old, bytes);
}

void* aligned_alloc(size_t alignment, size_t bytes) {
  count(bytes);
  return __libc_memalign(alignment, bytes);
}

int posix_memalign(void** memory, size_t alignment, size_t bytes) {
  count(bytes);
  *memory = __libc_memalign(alignment, bytes);
  return *memory == nullptr ? ENOMEM : 0;
}
}

namespace podium::nn {
namespace {

constexpr ImageShape kImage = {1, 28, 28};
constexpr int kClasses = 10;
constexpr int kImages = 64;
constexpr size_t kSmall = size_t{128} << 10;  // an activation here has up to 6 MB

struct Watched {
  size_t allocations;
  size_t largest;
};

template <typename Action>
Watched watch(Action&& action) {
  allocations = 0;
  largest = 0;
  watching = true;
  action();
  watching = false;
  return {allocations, largest};
}

class Allocations : public testing::TestWithParam<const char*> {
 protected:
  Model model_ = test::make_model(GetParam(), kImage, kClasses, kImages, 2);
  test::Batch batch_ = test::random_batch(kImage, kClasses, kImages);
};

TEST_P(Allocations, AreSeenByThisTest) {
  const Watched seen = watch([] { std::vector<float> buffer(kSmall); });
  EXPECT_EQ(seen.largest, kSmall * sizeof(float));
}

TEST_P(Allocations, OfATrainingStepAreSmallAndAlwaysAsMany) {
  model_.initialise(1);
  Sgd sgd(model_.buffers(), model_.parameter_count(), {.momentum = 0.9F});
  const auto step = [&] {
    model_.forward_backward(batch_.images, batch_.labels, 0.1F);
    sgd.step(model_.parameters(), model_.gradients(), 0.01F);
  };
  for (int warm_up = 0; warm_up < 3; ++warm_up) step();
  const Watched one = watch(step);
  const Watched more = watch([&] {
    for (int repetition = 0; repetition < 5; ++repetition) step();
  });
  EXPECT_LE(std::max(one.largest, more.largest), kSmall);
  EXPECT_EQ(more.allocations, 5 * one.allocations);
}

TEST_P(Allocations, OfAPredictionAreSmallAndAlwaysAsMany) {
  model_.initialise(1);
  std::vector<float> probabilities(size_t{kImages} * kClasses);
  const auto predict = [&] { model_.predict(batch_.images, probabilities); };
  for (int warm_up = 0; warm_up < 3; ++warm_up) predict();
  const Watched one = watch(predict);
  const Watched more = watch([&] {
    for (int repetition = 0; repetition < 5; ++repetition) predict();
  });
  EXPECT_LE(std::max(one.largest, more.largest), kSmall);
  EXPECT_EQ(more.allocations, 5 * one.allocations);
}

INSTANTIATE_TEST_SUITE_P(
    Networks, Allocations,
    testing::Values("dense 256; relu; dropout 0.2; dense 128; bn; relu; dense classes",
                    "conv 32 3; bn; relu; pool 2; conv 64 3; bn; relu; pool 2; dense classes",
                    "conv 16 3; bn; relu; res 16 1; res 32 2; gap; dense classes"));

}  // namespace
}  // namespace podium::nn
