// What is asked of initial weights besides He's spread (model_test.cpp): dirac convolutions.
#include "nn/initialise.hpp"

#include <gtest/gtest.h>

#include "nn/model_fixture.hpp"

namespace podium::nn {
namespace {

constexpr ImageShape image{3, 9, 9};

// The parameters of the first convolution.
std::span<const float> first_weights(const Model& model) {
  const BufferInfo& weight = model.buffers().front();
  return model.parameters().subspan(weight.offset, weight.count);
}

TEST(DiracInitialisation, FirstFiltersPassTheirChannelOn) {
  for (const int kernel : {1, 2, 3, 5}) {
    for (const int filters : {2, 3, 7}) {
      const std::string text =
          "conv " + std::to_string(filters) + " " + std::to_string(kernel) + "; dense classes";
      Model he = test::make_model(text, image, 4, 1);
      Model dirac = test::make_model(text, image, 4, 1);
      he.initialise(3);
      dirac.initialise(3);
      make_dirac(dirac.buffers(), dirac.parameters());
      const auto taps = static_cast<size_t>(kernel * kernel);
      const size_t centre = static_cast<size_t>((kernel - 1) / 2) * static_cast<size_t>(kernel + 1);
      const std::span<const float> weights = first_weights(dirac);
      for (size_t i = 0; i < weights.size(); ++i) {
        const size_t filter = i / taps / 3;
        const size_t channel = i / taps % 3;
        const bool identity = filter == channel && i % taps == centre;
        const float expected = filter >= 3 ? first_weights(he)[i] : identity ? 1.0F : 0.0F;
        ASSERT_EQ(weights[i], expected) << text << ", weight " << i;
      }
    }
  }
}

// By what the network computes, not by where its ones lie: sums over channels of the identity.
TEST(DiracInitialisation, TheNetworkOfSuchConvolutionsIsTheIdentity) {
  Model plain = test::make_model("dense classes", image, 4, 2);
  Model deep = test::make_model("conv 3 3; conv 3 5; conv 3 2; dense classes", image, 4, 2);
  plain.initialise(1);
  deep.initialise(1);
  make_dirac(deep.buffers(), deep.parameters());
  const std::vector<BufferInfo>& buffers = deep.buffers();
  for (size_t i = 0; i < plain.buffers().size(); ++i) {
    const BufferInfo& from = plain.buffers()[i];
    const BufferInfo& to = buffers[buffers.size() - plain.buffers().size() + i];
    ASSERT_EQ(from.count, to.count);
    std::ranges::copy(plain.parameters().subspan(from.offset, from.count),
                      deep.parameters().subspan(to.offset, to.count).begin());
  }
  const test::Batch batch = test::random_batch(image, 4, 2);
  std::vector<float> expected(8);
  std::vector<float> actual(8);
  plain.predict(batch.images, expected);
  deep.predict(batch.images, actual);
  for (size_t i = 0; i < 8; ++i) EXPECT_NEAR(actual[i], expected[i], 1e-5);
}

TEST(DiracInitialisation, LeavesOtherLayersAsTheyAre) {
  Model he = test::make_model("conv 4 3; bn; relu; dense classes", image, 4, 1);
  Model dirac = test::make_model("conv 4 3; bn; relu; dense classes", image, 4, 1);
  he.initialise(3);
  dirac.initialise(3);
  make_dirac(dirac.buffers(), dirac.parameters());
  const size_t rest = first_weights(he).size();
  EXPECT_TRUE(std::ranges::equal(he.parameters().subspan(rest), dirac.parameters().subspan(rest)));
  EXPECT_TRUE(std::ranges::equal(he.statistics(), dirac.statistics()));
}

}  // namespace
}  // namespace podium::nn
