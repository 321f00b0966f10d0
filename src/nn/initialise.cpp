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

// A filter's tap that reads the pixel itself lies behind the padding, (K - 1) / 2.
void make_dirac(const std::vector<BufferInfo>& buffers, std::span<float> parameters) {
  for (const BufferInfo& buffer : buffers) {
    if (buffer.statistic || buffer.shape.size() != 4) continue;  // [out,in,height,width]
    const auto extent = [&](size_t axis) { return static_cast<size_t>(buffer.shape[axis]); };
    const size_t inputs = extent(1);
    const size_t filters = std::min(extent(0), inputs);
    const size_t taps = extent(2) * extent(3);
    const size_t centre = (extent(2) - 1) / 2 * extent(3) + (extent(3) - 1) / 2;
    const std::span<float> weights = parameters.subspan(buffer.offset, filters * inputs * taps);
    std::ranges::fill(weights, 0.0F);
    for (size_t filter = 0; filter < filters; ++filter) {
      weights[(filter * inputs + filter) * taps + centre] = 1.0F;
    }
  }
}

}  // namespace podium::nn
