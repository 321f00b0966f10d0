// Gradients of unequal shares become the gradient of the whole batch.
#include "train/allreduce_sync.hpp"

#include <gtest/gtest.h>

#include "training_fixture.hpp"

namespace podium {
namespace {

// Rank r holds r+1 of the 10 images of a batch, and the gradient r+1 on each element.
TEST(AllReduceSync, WeighsByImages) {
  test::on_ranks(4, [](comm::Communicator& group) {
    train::AllReduceSync sync(group);
    std::vector<float> gradients(13, static_cast<float>(group.rank() + 1));
    sync.combine(gradients, static_cast<float>(group.rank() + 1) / 10.0F);
    for (const float value : gradients) EXPECT_FLOAT_EQ(value, 3.0F);  // (1+4+9+16)/10
    EXPECT_GT(sync.times().exposed_s, 0.0);
  });
}

// Gradients of one third, over and over: bf16 has none, but their mean over steps is one.
TEST(AllReduceSync, KeepsWhatRoundingLeavesOver) {
  test::on_ranks(3, [](comm::Communicator& group) {
    comm::AllReduceOptions options;
    options.algorithm = comm::Algorithm::ring;
    options.wire = comm::WireType::bf16;
    train::AllReduceSync sync(group, options);
    double sum = 0;
    for (int step = 0; step < 100; ++step) {
      std::vector<float> gradients(13, 1);
      sync.combine(gradients, 1.0F / 9);
      EXPECT_NE(gradients[5], 3 * (1.0F / 9));
      sum += gradients[5];
    }
    EXPECT_NEAR(sum / 100, 1.0 / 3, 2e-5);
  });
}

TEST(NoSync, LeavesTheGradientOfAWholeBatchAlone) {
  train::NoSync sync;
  std::vector<float> gradients = {1.5F, -2.0F};
  sync.combine(gradients, 1.0F);
  EXPECT_EQ(gradients, (std::vector<float>{1.5F, -2.0F}));
}

}  // namespace
}  // namespace podium
