// Per-channel mean and standard deviation from exact integer sums: the same for any rank count.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace podium::io {

// Sums of pixels and of their squares per channel. Exact for up to 2^48 pixels.
struct ChannelSums {
  std::vector<uint64_t> sum;
  std::vector<uint64_t> square_sum;

  explicit ChannelSums(size_t channels) : sum(channels), square_sum(channels) {}

  // Adds one image [H,W,C].
  void add_image(std::span<const uint8_t> image);
  void add(std::span<const uint64_t> other_sum, std::span<const uint64_t> other_square_sum);
};

struct ChannelStatistics {
  std::vector<double> mean;    // pixels scaled to [0,1]
  std::vector<double> stddev;  // likewise; of the population
};

// `pixels` per channel went into `sums`; with none, mean 0 and deviation 1.
ChannelStatistics channel_statistics(const ChannelSums& sums, uint64_t pixels);

}  // namespace podium::io
