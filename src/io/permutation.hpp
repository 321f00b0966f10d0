// Seeded permutations, the same on every platform.
#pragma once

#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include "core/random.hpp"

namespace podium::io {

// 0 to count - 1 in random order (Fisher & Yates; Durstenfeld 1964).
inline std::vector<uint32_t> permutation(uint32_t count, Random random) {
  std::vector<uint32_t> order(count);
  std::iota(order.begin(), order.end(), uint32_t{0});
  for (uint32_t left = count; left > 1; --left) {
    std::swap(order[left - 1], order[random.below(left)]);
  }
  return order;
}

}  // namespace podium::io
