// Training on a GPU in tests: models there, and runs of one trainer by one engine or the other.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/cuda_handles.hpp"
#include "gpu_test.hpp"
#include "nn/backend.hpp"
#include "train/resident_engine.hpp"
#include "training_fixture.hpp"

namespace podium::test {

// Whose images: those of one trainer among several, who gets no gradients of the others here.
struct Share {
  size_t rank = 0;
  size_t world = 1;
};

class GpuTrainingTest : public TrainingTest {
 protected:
  void SetUp() override {
    PODIUM_NEEDS_GPU();
    gpu_.gpu = probe_accelerators().devices.front().ordinal;
    cuda::use_device(gpu_.gpu);
  }

  nn::Model gpu_model(const io::Dataset& dataset, const train::Recipe& recipe) const {
    return {small_card(dataset, recipe), nn::make_ops(gpu_, 1, recipe.numerics), recipe.batch};
  }

  // What a run of one trainer came to.
  struct Run {
    std::vector<train::Step> steps;
    std::vector<float> parameters;
    std::vector<float> average;  // of the parameters; empty without one
    std::string hash;            // of parameters and statistics
  };

  enum class By { host, resident };

  // Trains `recipe` to its end on the GPU, without evaluation.
  Run train_on_gpu(const train::Recipe& recipe, By by, const io::Augmentation& augmentation = {},
                   const Share& share = {}) {
    Run run;
    on_ranks(1, [&](comm::Communicator& group) {
      cuda::use_device(gpu_.gpu);
      nn::Model model = gpu_model(dataset_, recipe);
      train::TrainingState state(model, recipe);
      train::NoSync sync;
      const std::unique_ptr<train::StepEngine> engine = make_engine(by, state, sync, group);
      const auto batch = static_cast<size_t>(recipe.batch);
      const size_t steps = (dataset_.size(io::Split::train) + batch - 1) / batch;
      const auto of_run = static_cast<int64_t>(steps) * recipe.epochs;
      io::LoaderOptions data;
      data.batch = batch;
      data.rank = share.rank;
      data.world = share.world;
      data.seed = recipe.seed;
      data.shuffle = io::Shuffle::full;
      data.augmentation = augmentation;
      for (int epoch = 0; epoch < recipe.epochs; ++epoch) {
        engine->start_epoch({static_cast<uint64_t>(epoch), static_cast<int64_t>(steps) * epoch,
                             of_run, nn::OneCycle(recipe.lr, of_run), data});
        for (auto taken = engine->advance(); !taken.empty(); taken = engine->advance()) {
          run.steps.insert(run.steps.end(), taken.begin(), taken.end());
        }
      }
      const std::span<const float> parameters = model.parameters();
      run.parameters.assign(parameters.begin(), parameters.end());
      if (state.average) {
        const std::span<const float> average = state.average->parameters();
        run.average.assign(average.begin(), average.end());
      }
      run.hash = train::weights_xxh3(model);
    });
    return run;
  }

  std::unique_ptr<train::StepEngine> make_engine(By by, train::TrainingState& state,
                                                 train::GradientSync& sync,
                                                 comm::Communicator& group) const {
    if (by == By::host) return std::make_unique<train::HostEngine>(state, dataset_, sync);
    train::ResidentEngine made =
        train::make_resident_engine({state, dataset_, sync, group, io::Shuffle::full});
    if (!made.engine) throw internal_error("no resident engine: " + made.why_not, "a test");
    return std::move(made.engine);
  }

  DeviceChoice gpu_;
};

// The largest distance of two lists, as a share of the largest value of the first.
inline double distance(const std::vector<float>& a, const std::vector<float>& b) {
  EXPECT_EQ(a.size(), b.size());
  double largest = 0;
  double furthest = 0;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    largest = std::max(largest, std::abs(static_cast<double>(a[i])));
    furthest = std::max(furthest, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
  }
  return largest > 0 ? furthest / largest : furthest;
}

}  // namespace podium::test
