#include "nn/initialise.hpp"

#include <algorithm>
#include <cmath>

#include "core/random.hpp"

namespace podium::nn {

void initialise_buffers(const NetworkPlan& plan, uint64_t seed, std::span<float> parameters,
                        std::span<float> statistics) {
  std::fill(parameters.begin(), parameters.end(), 0.0F);
  std::fill(statistics.begin(), statistics.end(), 0.0F);
  for (const LayerPlan& layer : plan.layers) {
    const auto channels = static_cast<size_t>(layer.output.channels);
    if (layer.op == LayerOp::batch_norm) {
      std::ranges::fill(parameters.subspan(layer.weights, channels), 1.0F);
      std::ranges::fill(statistics.subspan(layer.statistics + channels, channels), 1.0F);
    } else if (layer.parameters > 0) {
      const size_t biases = layer.bias ? channels : 0;
      const size_t count = static_cast<size_t>(layer.parameters) - biases;
      const double gain = layer.result == plan.output ? 1.0 : 2.0;
      const double deviation =
          std::sqrt(gain * static_cast<double>(channels) / static_cast<double>(count));
      Random random(seed, layer.weights);
      for (float& weight : parameters.subspan(layer.weights, count)) {
        weight = static_cast<float>(deviation * random.normal());
      }
    }
  }
}

}  // namespace podium::nn
