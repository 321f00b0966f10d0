#include "bench/rank_test.hpp"

#include <cstddef>
#include <vector>

namespace podium::bench {
namespace {

// The distribution of the number of pairs a > b among n and m measurements without ties. The
// largest of all is one of the n with probability n / (n + m), and then beats all m.
std::vector<double> distribution(size_t n, size_t m) {
  // of_m[j]: for i and j measurements, where i rises to n.
  std::vector<std::vector<double>> of_m(m + 1, {1.0});
  for (size_t i = 1; i <= n; ++i) {
    for (size_t j = 1; j <= m; ++j) {
      const double share = static_cast<double>(i) / static_cast<double>(i + j);
      std::vector<double> next(i * j + 1, 0.0);
      const std::vector<double>& fewer_i = of_m[j];
      const std::vector<double>& fewer_j = of_m[j - 1];
      for (size_t u = 0; u < fewer_i.size(); ++u) next[u + j] += share * fewer_i[u];
      for (size_t u = 0; u < fewer_j.size(); ++u) next[u] += (1 - share) * fewer_j[u];
      of_m[j] = std::move(next);
    }
  }
  return of_m[m];
}

}  // namespace

double chance_that_larger(std::span<const double> ours, std::span<const double> theirs) {
  size_t larger = 0;
  for (const double a : ours) {
    for (const double b : theirs) larger += a > b ? 1 : 0;
  }
  const std::vector<double> chances = distribution(ours.size(), theirs.size());
  double chance = 0;
  for (size_t u = chances.size(); u-- > larger;) chance += chances[u];
  return chance;
}

}  // namespace podium::bench
