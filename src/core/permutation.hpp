// Seeded permutations, the same on every platform.
#pragma once

#include <cstdint>
#include <numeric>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/random.hpp"

namespace podium {

// 0 to count - 1 in random order (Fisher & Yates; Durstenfeld 1964).
inline std::vector<uint32_t> permutation(uint32_t count, Random random) {
  std::vector<uint32_t> order(count);
  std::iota(order.begin(), order.end(), uint32_t{0});
  for (uint32_t left = count; left > 1; --left) {
    std::swap(order[left - 1], order[random.below(left)]);
  }
  return order;
}

// The first n elements of a random order of 0 to count - 1, in O(n) memory: Fisher & Yates forward,
// in a table of only those places that no longer hold their own index. Not the beginning of
// permutation(), which works backward. REQUIRES: n <= count.
inline std::vector<uint32_t> sample(uint32_t count, uint32_t n, Random random) {
  std::unordered_map<uint32_t, uint32_t> moved;
  moved.reserve(n);
  const auto at = [&](uint32_t place) {
    const auto found = moved.find(place);
    return found == moved.end() ? place : found->second;
  };
  std::vector<uint32_t> chosen;
  chosen.reserve(n);
  for (uint32_t place = 0; place < n; ++place) {
    const auto other = place + static_cast<uint32_t>(random.below(count - place));
    chosen.push_back(at(other));
    moved[other] = at(place);
    moved.erase(place);  // never looked at again
  }
  return chosen;
}

}  // namespace podium
