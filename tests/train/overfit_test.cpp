// The loop as a whole can learn anything: 100 images by heart, with every kind of network; also
// from gradients that are rounded to 16 bits on their way between two trainers.
#include <gtest/gtest.h>

#include "training_fixture.hpp"

namespace podium {
namespace {

struct Network {
  const char* name;
  const char* architecture;
};

struct Trainers {
  int ranks;
  const char* wire;
};

class OverfitTest : public testing::TestWithParam<Network> {
 protected:
  // 100 images for training; noise is a good part of them.
  const test::SyntheticCache cache_{"synthetic:150,12,12,1,10"};
};

TEST_P(OverfitTest, AHundredImages) {
  train::Recipe recipe;
  recipe.name = GetParam().name;
  recipe.architecture = GetParam().architecture;
  recipe.epochs = 80;
  recipe.batch = 10;
  recipe.lr = 0.05;
  recipe.label_smoothing = 0;
  recipe.weight_decay = 0;
  for (const Trainers& trainers : {Trainers{1, "fp32"}, {2, "fp32"}, {2, "bf16"}, {2, "fp16"}}) {
    test::on_ranks(trainers.ranks, [&](comm::Communicator& group) {
      io::Dataset dataset = cache_.open();
      ASSERT_EQ(dataset.size(io::Split::train), 100U);
      nn::Model model = test::small_model(dataset, recipe);
      comm::AllReduceOptions exchange;
      exchange.algorithm = comm::Algorithm::ring;
      exchange.wire = comm::parse_wire(trainers.wire);
      train::AllReduceSync sync(group, exchange);
      train::TrainerOptions options;
      test::HostTraining training(model, recipe, dataset, sync, group, options);
      train::Trainer& trainer = training.trainer;
      trainer.run();
      EXPECT_LT(trainer.progress().loss, 0.01);
      EXPECT_EQ(trainer.progress().train_accuracy, 1.0);
      EXPECT_EQ(train::evaluate(model, dataset, io::Split::train, group).accuracy(), 1.0);
    });
  }
}

INSTANTIATE_TEST_SUITE_P(
    Networks, OverfitTest,
    testing::Values(Network{"dense", "dense 64; relu; dense 32; relu; dense classes"},
                    Network{"cnn", "conv 8 3; bn; relu; pool 2; dense 32; relu; dense classes"},
                    Network{"resnet", "conv 8 3; bn; relu; res 8 1; res 16 2; gap; dense classes"}),
    [](const auto& parameter) { return std::string(parameter.param.name); });

}  // namespace
}  // namespace podium
