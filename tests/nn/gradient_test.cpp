// Numerical gradient checks: the slope of the loss along a direction, by central differences,
// against the gradients that forward_backward() writes. One case for each kind of layer, with
// weights before it so that its input gradient is checked too.
#include <gtest/gtest.h>

#include <cmath>

#include "nn/model_fixture.hpp"

namespace podium::nn {
namespace {

constexpr ImageShape kImage{2, 6, 6};
constexpr int kClasses = 4;
constexpr int kBatch = 6;

class Probe {
 public:
  explicit Probe(const std::string& architecture)
      : model_(test::make_model(architecture, kImage, kClasses, kBatch)),
        batch_(test::random_batch(kImage, kClasses, kBatch, 10)) {
    model_.initialise(5);
    // Away from the symmetric start, where shifts are zero and scales are one.
    Random random(11);
    for (float& p : model_.parameters()) p += static_cast<float>(0.1 * random.normal());
  }

  Model& model() { return model_; }

  double mean_loss() {
    model_.set_dropout_stream(3, 0);
    return model_.forward_backward(batch_.images, batch_.labels, 0.1F).loss_sum / kBatch;
  }

  // d(loss)/dt along parameters + t * direction.
  double slope(const std::vector<float>& start, const std::vector<float>& direction, double step) {
    const auto loss_at = [&](double t) {
      const std::span<float> parameters = model_.parameters();
      for (size_t i = 0; i < start.size(); ++i) {
        parameters[i] = start[i] + static_cast<float>(t) * direction[i];
      }
      return mean_loss();
    };
    return (loss_at(step) - loss_at(-step)) / (2 * step);
  }

 private:
  Model model_;
  test::Batch batch_;
};

double norm(const std::vector<float>& values) {
  double sum = 0;
  for (const float v : values) sum += static_cast<double>(v) * static_cast<double>(v);
  return std::sqrt(sum);
}

// The gradient within `buffer` plus equally long noise within it, scaled to length 1; zero
// elsewhere.
std::vector<float> direction_in(const BufferInfo& buffer, const std::vector<float>& gradient,
                                double noise) {
  std::vector<float> direction(gradient.size(), 0.0F);
  Random random(23, buffer.offset);
  const auto begin = gradient.begin() + static_cast<ptrdiff_t>(buffer.offset);
  const std::vector<float> part(begin, begin + static_cast<ptrdiff_t>(buffer.count));
  const double spread = noise * norm(part) / std::sqrt(static_cast<double>(buffer.count));
  for (size_t i = 0; i < buffer.count; ++i) {
    direction[buffer.offset + i] = part[i] + static_cast<float>(spread * random.normal());
  }
  const double length = norm(direction);
  if (length == 0) return direction;
  for (float& d : direction) d = static_cast<float>(d / length);
  return direction;
}

// A step across the kink of a ReLU or a maximum measures no derivative, and a tiny one only
// rounding. Of several steps the one nearest to the expected slope counts; a wrong gradient fits
// none.
double nearest_slope(Probe& probe, const std::vector<float>& start,
                     const std::vector<float>& direction, double expected) {
  double nearest = probe.slope(start, direction, 4e-3);
  for (const double step : {2e-3, 1e-3, 5e-4, 2.5e-4}) {
    const double slope = probe.slope(start, direction, step);
    if (std::abs(slope - expected) < std::abs(nearest - expected)) nearest = slope;
  }
  return nearest;
}

class GradientCheck : public testing::TestWithParam<const char*> {};

TEST_P(GradientCheck, MatchesCentralDifferences) {
  Probe probe(GetParam());
  const std::vector<float> start(probe.model().parameters().begin(),
                                 probe.model().parameters().end());
  probe.mean_loss();
  const std::vector<float> gradient(probe.model().gradients().begin(),
                                    probe.model().gradients().end());
  for (const BufferInfo& buffer : probe.model().buffers()) {
    if (buffer.statistic) continue;
    for (const double noise : {0.0, 1.0}) {
      const std::vector<float> direction = direction_in(buffer, gradient, noise);
      double expected = 0;
      for (size_t i = 0; i < gradient.size(); ++i) {
        expected += static_cast<double>(gradient[i]) * static_cast<double>(direction[i]);
      }
      const double measured = nearest_slope(probe, start, direction, expected);
      EXPECT_NEAR(measured, expected, 5e-4 + 0.01 * std::abs(expected))
          << buffer.name << ", noise " << noise;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Layers, GradientCheck,
    testing::Values("dense classes",                                           //
                    "dense 8; relu; dense classes",                            //
                    "dense 8; bn; relu; dense 7; bn; dense classes",           //
                    "conv 3 3; dense classes",                                 //
                    "conv 3 3; relu; conv 4 2 stride 2; relu; dense classes",  //
                    "conv 4 3; bn; dense classes",                             //
                    "bn; conv 3 3; bn; relu; dense classes",                   //
                    "conv 4 3; pool 2; dense classes",                         //
                    "conv 4 3; pool 3 stride 2; relu; dense classes",          //
                    "conv 4 3; avgpool 2; relu; dense classes",                //
                    "conv 4 3; avgpool 3 stride 1; relu; dense classes",       //
                    "conv 4 3; bn; relu; gap; dense classes",                  //
                    "conv 4 3; dropout 0.4; dense 8; relu; dropout 0.3; dense classes",
                    "conv 4 3; bn; relu; dropout 0.3; dense classes"));

INSTANTIATE_TEST_SUITE_P(
    Residuals, GradientCheck,
    testing::Values("conv 4 3; bn; relu; res 4 1; dense classes",       //
                    "conv 4 3; bn; relu; res 6 2; gap; dense classes",  //
                    "res 2 1 { conv 2 3; relu }; dense classes",        //
                    "res 4 2; dense classes",                           //
                    "res 2 1 { bn; conv 2 3 }; dense classes",          //
                    "conv 4 3; relu; res 4 1 { conv 4 3; relu }; dense classes",
                    "conv 4 3; relu; res 6 1 { conv 6 3; relu }; dense classes",
                    "conv 4 3; res 4 1 { conv 4 3; dropout 0.3 }; dense classes",
                    "conv 4 3; res 6 2 { avgpool 2; conv 6 1 }; dense classes",
                    "conv 4 3; res 4 1 { pool 1 }; dense classes",
                    "conv 4 3; res 4 1 { res 4 1 { conv 4 3; relu } }; dense classes",
                    "conv 4 3; res 6 2 { res 6 2 { conv 6 3 stride 2 } }; dense classes",
                    "conv 4 3; res 4 1 { conv 4 3; res 4 1 { res 4 1; bn } }; gap; dense classes",
                    "conv 4 3; repeat 3 { res 4 1 { bn; relu; conv 4 3 } }; dense classes",
                    "conv 3 3; res 3 1 { relu }; relu; dense classes",
                    "res 2 2 { pool 2 }; dense classes"));

INSTANTIATE_TEST_SUITE_P(
    Kept, GradientCheck,
    testing::Values(
        "conv 4 3; keep 1; conv 4 3; add 1; dense classes",  //
        "conv 4 3; relu; keep 1; add 1; dense classes",      //
        "keep 1; conv 3 3; add 1; dense classes",
        "keep 1; pool 2; add 1; dense classes",  //
        "conv 4 3; bn; relu; keep 1; conv 6 3 stride 2; bn; add 1; gap; dense classes",
        "conv 4 3; keep 1; bn; relu; keep 2; conv 4 3; add 1; conv 4 1; add 2; gap; "
        "dense classes",
        "conv 4 3; keep 1; conv 4 3; keep 2; add 1; conv 4 3; add 2; add 1; dense classes",
        "conv 4 3; relu; keep 1; res 4 1; add 1; keep 2; conv 3 3; bn; add 2; add 1; "
        "gap; dense classes",
        "conv 4 3; keep 1; pool 2; keep 2; conv 4 3; add 1; add 2; dense 5; add 1; add 2; "
        "dense classes"));

}  // namespace
}  // namespace podium::nn
