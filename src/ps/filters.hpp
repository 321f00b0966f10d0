// Filters: pushed values made smaller. What is left out is kept, and comes with later pushes of the
// same values, so that nothing is lost in the sum (Seide et al. 2014; significance after Hsieh et
// al. 2017, Gaia).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "ps/options.hpp"

namespace podium::ps {

// What a worker has not pushed yet of a range of Θ.
class Residual {
 public:
  Residual(size_t first, size_t count) : first_(first), kept_(count) {}

  // Values of Θ from `first` on, plus what was kept, rounded: to[i] holds two bytes for each.
  void encode(Encoding encoding, size_t first, std::span<const float> values, std::byte* to);

  // Takes the values, plus what was kept, that are above `significance` times their rms: their
  // places from `first` on, ascending, and themselves. Keeps the others. False if they are more
  // than half: then all are in `chosen`, no `places`, and nothing is kept.
  bool choose(float significance, size_t first, std::span<const float> values,
              std::vector<uint32_t>& places, std::vector<float>& chosen);
  // Chosen values rounded into `to`; their error is kept.
  void encode_chosen(Encoding encoding, size_t first, std::span<const uint32_t> places,
                     std::vector<float>& chosen, std::byte* to);

  std::span<const float> kept() const { return kept_; }

 private:
  size_t first_;
  std::vector<float> kept_;
};

}  // namespace podium::ps
