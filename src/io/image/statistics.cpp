#include "io/image/statistics.hpp"

#include <algorithm>
#include <cmath>

namespace podium::io {
namespace {

constexpr double white = 255.0;

// One channel at a time in 32-bit lanes that cannot overflow: 2^16 squares of 255 fit.
constexpr size_t lane_pixels = size_t{1} << 16;

void add_grey(std::span<const uint8_t> pixels, uint64_t& sum, uint64_t& square_sum) {
  for (size_t begin = 0; begin < pixels.size(); begin += lane_pixels) {
    uint32_t lane_sum = 0;
    uint32_t lane_square_sum = 0;
    for (const uint8_t pixel :
         pixels.subspan(begin, std::min(lane_pixels, pixels.size() - begin))) {
      lane_sum += pixel;
      lane_square_sum += uint32_t{pixel} * pixel;
    }
    sum += lane_sum;
    square_sum += lane_square_sum;
  }
}

}  // namespace

void ChannelSums::add_image(std::span<const uint8_t> image) {
  const size_t channels = sum.size();
  if (channels == 1) return add_grey(image, sum[0], square_sum[0]);
  for (size_t i = 0; i < image.size(); i += channels) {
    for (size_t channel = 0; channel < channels; ++channel) {
      const uint64_t pixel = image[i + channel];
      sum[channel] += pixel;
      square_sum[channel] += pixel * pixel;
    }
  }
}

void ChannelSums::add(std::span<const uint64_t> other_sum,
                      std::span<const uint64_t> other_square_sum) {
  for (size_t channel = 0; channel < sum.size(); ++channel) {
    sum[channel] += other_sum[channel];
    square_sum[channel] += other_square_sum[channel];
  }
}

ChannelStatistics channel_statistics(const ChannelSums& sums, uint64_t pixels) {
  ChannelStatistics statistics;
  for (size_t channel = 0; channel < sums.sum.size(); ++channel) {
    const double count = static_cast<double>(std::max<uint64_t>(pixels, 1));
    const double mean = static_cast<double>(sums.sum[channel]) / count;
    const double variance = static_cast<double>(sums.square_sum[channel]) / count - mean * mean;
    statistics.mean.push_back(mean / white);
    // A constant channel has no scale; 1 leaves it as it is.
    statistics.stddev.push_back(variance > 0.0 ? std::sqrt(variance) / white : 1.0);
  }
  return statistics;
}

}  // namespace podium::io
