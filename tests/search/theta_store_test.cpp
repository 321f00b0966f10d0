// Adam in this process, against the formulas of Kingma & Ba 2015.
#include "search/theta_store.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/error.hpp"

namespace podium::search {
namespace {

std::vector<float> pulled(ThetaStore& store, size_t count) {
  std::vector<float> theta(count);
  store.pull(theta);
  return theta;
}

TEST(LocalTheta, StepsAsAdamDoes) {
  AdamOptions options;
  options.lr = 0.1;
  LocalTheta store({1.0F, -2.0F, 3.0F}, options);
  double mean = 0;
  double variance = 0;
  double expected = 1;
  for (int step = 1; step <= 20; ++step) {
    const double g = std::sin(step) + 0.2;
    store.push(std::vector<float>{static_cast<float>(g), 0.0F, static_cast<float>(-7 * g)});
    mean = 0.9 * mean + 0.1 * g;
    variance = 0.999 * variance + 0.001 * g * g;
    expected -= 0.1 * (mean / (1 - std::pow(0.9, step))) /
                (std::sqrt(variance / (1 - std::pow(0.999, step))) + 1e-8);
    const std::vector<float> theta = pulled(store, 3);
    EXPECT_NEAR(theta[0], expected, 1e-5);
    EXPECT_EQ(theta[1], -2.0F);                     // no gradient, no step
    EXPECT_NEAR(theta[2] - 3, 1 - expected, 2e-5);  // whatever the gradient's size
  }
}

TEST(LocalTheta, GoesOnFromItsState) {
  LocalTheta store({0.5F, 0.25F});
  store.push(std::vector<float>{1.0F, -0.3F});
  const std::string text = store.state().dump();
  LocalTheta other({0.0F, 0.0F});
  other.resume(nlohmann::ordered_json::parse(text));
  for (int i = 0; i < 3; ++i) {
    store.push(std::vector<float>{0.1F, 0.7F});
    other.push(std::vector<float>{0.1F, 0.7F});
  }
  EXPECT_EQ(pulled(store, 2), pulled(other, 2));
}

TEST(LocalTheta, RefusesTheStateOfAnother) {
  LocalTheta store({0.5F, 0.25F});
  EXPECT_THROW(store.resume(LocalTheta({1.0F}).state()), Error);
  EXPECT_THROW(store.resume({{"steps", 3}}), Error);
  EXPECT_THROW(store.resume("no state"), Error);
  EXPECT_EQ(pulled(store, 2), (std::vector<float>{0.5F, 0.25F}));
}

}  // namespace
}  // namespace podium::search
