// Counter-based random numbers: a value depends only on its keys, never on who asks first.
//
// splitmix64 over mixed keys (Steele, Lea & Flood 2014). The same on every platform and rank count,
// which std::uniform_* distributions do not promise.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>

namespace podium {

constexpr uint64_t mix64(uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

// One stream of numbers for one combination of keys, for instance (seed, epoch, sample).
class Random {
 public:
  explicit constexpr Random(uint64_t key0, uint64_t key1 = 0, uint64_t key2 = 0)
      : state_(mix64(mix64(mix64(key0) ^ key1) ^ key2)) {}

  constexpr uint64_t next() { return mix64(state_++); }

  // The k-th number from here on, counted from 0, is mix64(state() + k).
  constexpr uint64_t state() const { return state_; }

  // Uniform in [0, 1), 53 bits.
  constexpr double uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

  // Uniform in [0, bound). REQUIRES: bound > 0. Bias below bound / 2^64.
  constexpr uint64_t below(uint64_t bound) {
    return static_cast<uint64_t>((static_cast<Wide>(next()) * bound) >> 64);
  }

  // Standard normal (Box & Muller 1958).
  double normal() {
    const double u = 1.0 - uniform();
    return std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * std::numbers::pi * uniform());
  }

 private:
  __extension__ typedef unsigned __int128 Wide;
  uint64_t state_;
};

}  // namespace podium
