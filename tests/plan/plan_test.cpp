// Plans against the real thing: the memory that a model asks its backend for; and forecasts against
// closed forms.
#include "plan/plan.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "nn/cpu/cpu_ops.hpp"
#include "nn/model.hpp"
#include "train/training_state.hpp"

namespace podium::plan {
namespace {

constexpr const char* convolutional =
    "conv 8 3; bn; relu; pool 2; res 16 2; gap; dense 10; relu; dense classes";

// The CPU's backend, which says what was asked of it.
class CountedOps : public nn::Ops {
 public:
  CountedOps(uint64_t* buffers, uint64_t* activations)
      : ops_(nn::make_cpu_ops(1)), buffers_(buffers), activations_(activations) {}

  nn::AlignedBuffer allocate(size_t count) override {
    *buffers_ += count * sizeof(float);
    return ops_->allocate(count);
  }
  nn::AlignedBuffer allocate_activations(size_t count) override {
    *activations_ += count * sizeof(float);
    return ops_->allocate_activations(count);
  }

  std::string description() const override { return ops_->description(); }
  nn::Fusions fusions() const override { return ops_->fusions(); }
  size_t inference_floats() const override { return ops_->inference_floats(); }
  bool on_host() const override { return ops_->on_host(); }
  std::unique_ptr<nn::Kernel> make_kernel(const nn::LayerPlan& layer, int batch, nn::Pass pass,
                                          const nn::LayerMemory& memory) override {
    return ops_->make_kernel(layer, batch, pass, memory);
  }
  void begin_step(const nn::StepKey& key) override { ops_->begin_step(key); }
  void end_backward() override { ops_->end_backward(); }
  void load_images(std::span<const uint8_t> images, const nn::Preprocess& preprocess,
                   const nn::InputPlace& place) override {
    ops_->load_images(images, preprocess, place);
  }
  void cross_entropy(std::span<const float> logits, std::span<const uint8_t> labels,
                     float smoothing, float* gradient) override {
    ops_->cross_entropy(logits, labels, smoothing, gradient);
  }
  nn::LossResult loss() override { return ops_->loss(); }
  void copy(std::span<const float> from, float* to) override { ops_->copy(from, to); }
  void softmax(std::span<float> logits, std::span<const float> others, int classes,
               std::span<float> probabilities, std::span<float> scores) override {
    ops_->softmax(logits, others, classes, probabilities, scores);
  }
  void sgd(std::span<const nn::SgdRange> ranges, const nn::SgdOptions& options, float rate,
           const nn::SgdMemory& memory) override {
    ops_->sgd(ranges, options, rate, memory);
  }
  void approach(const float* weights, float* average, size_t count, float share) override {
    ops_->approach(weights, average, count, share);
  }
  std::unique_ptr<nn::Program> record(std::function<void()> work) override {
    return ops_->record(std::move(work));
  }
  void synchronise() override { ops_->synchronise(); }

 private:
  std::unique_ptr<nn::Ops> ops_;
  uint64_t* buffers_;
  uint64_t* activations_;
};

DataShape small_images() {
  return {{1, 12, 12}, 4, 2700, 3300, uint64_t{1} << 30};
}

train::Recipe recipe_of(const char* architecture) {
  train::Recipe recipe;
  recipe.name = "model";
  recipe.architecture = architecture;
  recipe.batch = 64;
  return recipe;
}

void expect_real_memory(const train::Recipe& recipe, int share) {
  uint64_t buffers = 0;
  uint64_t activations = 0;
  nn::ModelCard card;
  card.name = recipe.name;
  card.architecture = recipe.architecture;
  card.image = small_images().image;
  card.classes = 4;
  card.preprocess = {{0.5F}, {0.5F}};
  nn::Model model(card, std::make_unique<CountedOps>(&buffers, &activations), share);
  train::TrainingState state(model, recipe);
  const auto count = static_cast<size_t>(share);
  const std::vector<uint8_t> images(count * 144, 100);
  const std::vector<uint8_t> labels(count, 1);
  model.forward_backward(images, labels, 0.1F);

  const MemoryNeed need =
      memory_need(recipe, small_images(), share, nn::make_cpu_ops(1)->fusions());
  EXPECT_EQ(need.parameters, static_cast<uint64_t>(model.parameter_count()) * sizeof(float));
  EXPECT_EQ(need.statistics, model.statistics().size_bytes());
  EXPECT_EQ(need.parameters + need.gradients + need.momentum + need.average + need.statistics,
            buffers);
  EXPECT_EQ(need.activations, activations);
  EXPECT_EQ(need.images, 3300u * 144);
}

TEST(MemoryNeedTest, IsWhatAModelInTrainingAsksFor) {
  for (const int share : {1, 7, 64}) {
    expect_real_memory(recipe_of("dense 32; relu; dense classes"), share);
    expect_real_memory(recipe_of(convolutional), share);
  }
}

TEST(MemoryNeedTest, KnowsOfAnAverageAndOfTheBudgetOfImages) {
  train::Recipe recipe = recipe_of(convolutional);
  recipe.ema = 0.9;
  expect_real_memory(recipe, 16);
  DataShape data = small_images();
  data.cache_budget = 1000;
  EXPECT_EQ(memory_need(recipe, data, 16, {}).images, 1000u);
}

TEST(MemoryNeedTest, MicroBatchesNeedLessForActivationsAndASumOfGradients) {
  train::Recipe recipe = recipe_of(convolutional);
  const MemoryNeed whole = memory_need(recipe, small_images(), 16, {});
  recipe.accumulate = 4;
  const MemoryNeed parts = memory_need(recipe, small_images(), 64, {});
  EXPECT_EQ(parts.activations, whole.activations);
  EXPECT_EQ(parts.gradients, 2 * whole.gradients);
}

TEST(BackwardScheduleTest, CoversAllGradientsAndEndsWithTheBackwardPass) {
  const nn::NetworkPlan network = nn::plan_network(
      nn::parse_architecture("conv 32 3; bn; relu; pool 2; dense 2048; relu; dense classes"),
      {1, 28, 28}, 10);
  const auto schedule = backward_schedule(network, 0.9);
  ASSERT_GT(schedule.size(), 1u);
  size_t bytes = 0;
  double before = 0.3;  // after the forward pass
  for (const ReadyBucket& bucket : schedule) {
    bytes += bucket.bytes;
    EXPECT_GT(bucket.ready_s, before);
    before = bucket.ready_s;
  }
  EXPECT_EQ(bytes, network.parameter_count * sizeof(float));
  EXPECT_DOUBLE_EQ(schedule.back().ready_s, 0.9);
}

TEST(ForecastTest, OneRankExchangesNothing) {
  const std::vector<ReadyBucket> buckets = {{1000, 0.1}};
  const StepForecast step = forecast(buckets, 0.1, costs_over({}, {1, 1, 1}));
  EXPECT_EQ(step.step_s(), 0.1);
  EXPECT_EQ(step.exchange_s, 0);
}

// A ring of four: 6 steps, 1.5 bytes moved and 0.75 added for each.
TEST(ForecastTest, BucketsTravelOneAfterTheOtherOnceTheyAreReady) {
  comm::CostModel costs({4, 4, 1}, 4e-9);
  costs.set(comm::Algorithm::ring, {1e-3, 2e-9});
  const auto seconds = [](double bytes) { return 6e-3 + bytes * (1.5 * 2e-9 + 0.75 * 4e-9); };
  const double large = seconds(4e6);  // 30 ms
  const double small = seconds(1e6);  // 12 ms
  const std::vector<ReadyBucket> hidden = {{4'000'000, 0.02}, {1'000'000, 0.06}};
  const StepForecast step = forecast(hidden, 0.06, costs);
  EXPECT_DOUBLE_EQ(step.exchange_s, large + small);
  EXPECT_DOUBLE_EQ(step.exposed_s, small);  // the first has arrived when the second is ready
  EXPECT_EQ(step.algorithm, "ring");
  const std::vector<ReadyBucket> late = {{4'000'000, 0.05}, {1'000'000, 0.06}};
  EXPECT_NEAR(forecast(late, 0.06, costs).exposed_s, 0.05 + large + small - 0.06, 1e-12);
}

TEST(PlanTest, MoreNodesOfAWeakPlanComputeTheSameAndWaitLonger) {
  PlanOptions options;
  options.models = {recipe_of(convolutional)};
  options.data = small_images();
  options.step_s = {0.01};
  options.weak = true;
  double before = 0;
  for (const int nodes : {1, 2, 64, 1024}) {
    options.nodes = nodes;
    const ModelPlan plan = make_plan(options).models.front();
    EXPECT_EQ(plan.step.compute_s, 0.01);
    EXPECT_EQ(plan.share, 64);
    EXPECT_EQ(plan.batch, 64 * nodes);
    EXPECT_GE(plan.step.exchange_s, before);
    before = plan.step.exchange_s;
  }
}

TEST(PlanTest, CostsThatAreNotThereAreNotGuessed) {
  PlanOptions options;
  options.models = {recipe_of("dense 8; relu; dense classes")};
  options.data = small_images();
  options.step_s = {0.01};
  options.calibration = "/nowhere/costs.json";
  try {
    make_plan(options);
    FAIL() << "planned by costs that cannot be read";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::io) << error.what();
  }
}

TEST(PlanTest, TextAndJsonNameEveryModel) {
  PlanOptions options;
  options.models = {recipe_of("dense 8; relu; dense classes")};
  options.data = small_images();
  options.step_s = {0.01};
  options.nodes = 2;
  const Plan plan = make_plan(options);
  EXPECT_NE(to_text(plan).find("\nmodel "), std::string::npos) << to_text(plan);
  const auto json = to_json(plan);
  EXPECT_EQ(json["models"][0]["batch_per_rank"], 32);
  EXPECT_EQ(json["models"][0]["memory_bytes"]["total"], plan.models[0].memory.total());
}

}  // namespace
}  // namespace podium::plan
