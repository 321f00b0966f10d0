// Arena planning: what is alive together never overlaps, and memory is shared where it can be.
#include "nn/memory_plan.hpp"

#include <gtest/gtest.h>

#include "core/random.hpp"

namespace podium::nn {
namespace {

TEST(ArenaPlan, BuffersAliveTogetherNeverOverlap) {
  Random random(1);
  for (int round = 0; round < 200; ++round) {
    std::vector<Lifetime> lives(random.below(40));
    for (Lifetime& life : lives) {
      life.count = 1 + random.below(300);
      life.first = static_cast<int>(random.below(20));
      life.last = life.first + static_cast<int>(random.below(6));
    }
    const ArenaPlan plan = plan_arena(lives);
    for (size_t a = 0; a < lives.size(); ++a) {
      EXPECT_EQ(plan.offsets[a] % 16, 0U);
      EXPECT_LE(plan.offsets[a] + lives[a].count, plan.size);
      for (size_t b = 0; b < a; ++b) {
        const bool together = lives[a].first <= lives[b].last && lives[b].first <= lives[a].last;
        const bool apart = plan.offsets[a] + lives[a].count <= plan.offsets[b] ||
                           plan.offsets[b] + lives[b].count <= plan.offsets[a];
        EXPECT_TRUE(!together || apart) << a << " and " << b;
      }
    }
  }
}

TEST(ArenaPlan, BuffersAliveApartShareMemory) {
  const std::vector<Lifetime> lives = {{160, 0, 1}, {160, 2, 3}, {160, 4, 5}};
  EXPECT_EQ(plan_arena(lives).size, 160U);
}

TEST(ActivationPlan, InferenceNeedsLessThanTraining) {
  const NetworkPlan network = plan_network(
      parse_architecture("conv 16 3; bn; relu; repeat 4 { res 16 1 }; gap; dense classes"),
      {1, 28, 28}, 10);
  const ActivationPlan training = plan_activations(network, 8, Pass::training);
  const ActivationPlan inference = plan_activations(network, 8, Pass::inference);
  EXPECT_LT(4 * inference.size, training.size);
  const size_t largest = 16 * 28 * 28 * 8;
  EXPECT_LE(inference.size, 3 * largest);
}

}  // namespace
}  // namespace podium::nn
