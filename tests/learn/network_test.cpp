// Network: gradients over several blocks beside finite differences.
#include "learn/network.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "core/random.hpp"

namespace podium::learn {
namespace {

const EnvironmentInfo vectors{"vectors", ObservationType::vector, {1, 1, 5}, 3, 0};

std::vector<std::byte> observations_of(size_t rows) {
  Random random(2);
  std::vector<std::byte> made(rows * vectors.observation_bytes());
  for (size_t at = 0; at < made.size(); at += sizeof(float)) {
    const auto value = static_cast<float>(random.normal());
    std::memcpy(made.data() + at, &value, sizeof(value));
  }
  return made;
}

Network make_network(int block) {
  NetworkOptions options;
  options.name = "test";
  options.architecture = "dense 7; relu; dense classes";
  options.outputs = 3;
  options.block = block;
  return {vectors, options, 4};
}

// Half the sum of squares of all outputs, each weighed by its place.
double loss_of(Network& network, std::span<const std::byte> observations, size_t rows) {
  std::vector<float> outputs(rows * 3);
  network.compute(observations, outputs);
  double loss = 0;
  for (size_t i = 0; i < outputs.size(); ++i) {
    loss += 0.5 * static_cast<double>(i + 1) / 100 * outputs[i] * outputs[i];
  }
  return loss;
}

TEST(Network, GradientsAreSumsOverTheRowsOfAllBlocks) {
  constexpr size_t rows = 21;
  const std::vector<std::byte> observations = observations_of(rows);
  for (const int block : {8, 32}) {
    Network network = make_network(block);
    size_t seen = 0;
    network.differentiate(
        observations, [&](size_t first, std::span<const float> outputs, std::span<float> gradient) {
          EXPECT_EQ(first, seen);
          seen += outputs.size() / 3;
          for (size_t i = 0; i < outputs.size(); ++i) {
            gradient[i] = static_cast<float>(first * 3 + i + 1) / 100 * outputs[i];
          }
        });
    EXPECT_EQ(seen, rows);
    const std::vector<float> gradients(network.gradients().begin(), network.gradients().end());
    for (size_t i = 0; i < gradients.size(); ++i) {
      constexpr float step = 1e-2F;
      const float at = network.parameters()[i];
      network.parameters()[i] = at + step;
      const double above = loss_of(network, observations, rows);
      network.parameters()[i] = at - step;
      const double below = loss_of(network, observations, rows);
      network.parameters()[i] = at;
      EXPECT_NEAR(gradients[i], (above - below) / (2 * step), 2e-2) << block << ": " << i;
    }
  }
}

}  // namespace
}  // namespace podium::learn
