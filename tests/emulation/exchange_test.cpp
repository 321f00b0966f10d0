// Two trainers on emulated GPUs whose gradients leave in buckets while the backward pass runs: what
// leaves when, and that training comes to what it comes to when gradients are summed at the end by
// the hosts. The sums are the communicator's, as work of the stream: NCCL's part, and the order
// that events make between streams, are left to tests on GPUs (nccl_sync_test.cpp).
#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include "comm/ring_allreduce.hpp"
#include "train/allreduce_sync.hpp"
#include "train/cuda/device_exchange.hpp"
#include "train/gpu_training.hpp"

namespace podium {
namespace {

constexpr int epochs = 2;
constexpr size_t ranks = 2;

// A part that was forked off, and how much work had been given to the device before.
struct Departure {
  const float* begin;
  size_t count;
  size_t work;
};

class EmulatedExchange final : public train::GradientSync, public train::DeviceExchange {
 public:
  explicit EmulatedExchange(comm::Communicator& group) : group_(group) {}

  void begin(std::span<float>, float) override {}
  void ready(size_t) override {}
  void finish() override {}
  train::ExchangeTimes times() const override { return {}; }
  DeviceExchange* on_device() override { return this; }

  void fork(std::span<float> part, cudaStream_t) override {
    steps_.back().push_back({part.data(), part.size(), emulated::thread_work()});
    emulated::submit([this, part] { comm::ring_allreduce(group_, part); });
  }
  void join(cudaStream_t) override { steps_.emplace_back(); }
  void wait(cudaStream_t) override {}

  // Of each step that was enqueued; the last is empty.
  const std::vector<std::vector<Departure>>& steps() const { return steps_; }

 private:
  comm::Communicator& group_;
  std::vector<std::vector<Departure>> steps_ = {{}};
};

// One after the other from the end of the gradients to their beginning, with work of the backward
// pass between them.
void expect_departures(const std::vector<Departure>& step, std::span<const float> gradients) {
  ASSERT_EQ(step.size(), 2U);
  const float* end = gradients.data() + gradients.size();
  for (const Departure& departure : step) {
    EXPECT_EQ(departure.begin + departure.count, end);
    end = departure.begin;
  }
  EXPECT_EQ(end, gradients.data());
  EXPECT_GT(step[1].work, step[0].work + 3) << "it left at the end of the backward pass";
}

class ResidentExchange : public test::GpuTrainingTest {
 protected:
  void train(train::StepEngine& engine, const train::Recipe& recipe, size_t rank) const {
    io::LoaderOptions data;
    data.batch = static_cast<size_t>(recipe.batch);
    data.rank = rank;
    data.world = ranks;
    data.shuffle = io::Shuffle::full;
    const auto steps =
        static_cast<int64_t>((dataset_.size(io::Split::train) + data.batch - 1) / data.batch);
    for (int epoch = 0; epoch < epochs; ++epoch) {
      engine.start_epoch({static_cast<uint64_t>(epoch), steps * epoch, steps * epochs,
                          nn::OneCycle(recipe.lr, steps * epochs), data});
      while (!engine.advance().empty()) {
      }
    }
  }

  // The parameters of both trainers.
  std::vector<std::vector<float>> trained(const train::Recipe& recipe, By by) {
    std::vector<std::vector<float>> parameters(ranks);
    test::on_ranks(ranks, [&](comm::Communicator& group) {
      cuda::use_device(gpu_.gpu);
      nn::Model model = gpu_model(dataset_, recipe);
      train::TrainingState state(model, recipe);
      train::AllReduceSync by_hosts(group);
      EmulatedExchange by_devices(group);
      train::GradientSync& sync =
          by == By::host ? static_cast<train::GradientSync&>(by_hosts) : by_devices;
      const auto rank = static_cast<size_t>(group.rank());
      train(*make_engine(by, state, sync, group), recipe, rank);
      const std::span<const float> all = model.parameters();
      parameters[rank].assign(all.begin(), all.end());
      if (by == By::host) return;
      const auto& steps = by_devices.steps();
      // Two kinds of steps, each enqueued once and recorded once.
      EXPECT_EQ(steps.size(), 4U + 1U);
      for (size_t i = 0; i + 1 < steps.size(); ++i) expect_departures(steps[i], model.gradients());
    });
    return parameters;
  }
};

// The first bucket of two is the last layers.
TEST_F(ResidentExchange, BucketsLeaveDuringTheBackwardPassAndSumAsTheHostsDo) {
  train::Recipe recipe = test::small_recipe();
  recipe.architecture = "dense 510; bn; relu; dense 520; relu; dense classes";
  recipe.epochs = epochs;
  const auto by_devices = trained(recipe, By::resident);
  const auto by_hosts = trained(recipe, By::host);
  EXPECT_EQ(by_devices[0], by_devices[1]);
  EXPECT_LT(test::distance(by_hosts[0], by_devices[0]), 1e-4);
}

}  // namespace
}  // namespace podium
