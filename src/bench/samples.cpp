#include "bench/samples.hpp"

#include <algorithm>

#include "core/clock.hpp"
#include "core/error.hpp"

namespace podium::bench {

double Samples::median() const {
  require(!values_.empty(), "a median needs a sample", "Samples::median");
  std::vector<double> sorted = values_;
  std::ranges::sort(sorted);
  const size_t middle = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

double Samples::spread() const {
  const auto [least, most] = std::ranges::minmax(values_);
  return median() > 0 ? (most - least) / median() : 0;
}

std::vector<Samples> alternate(int repetitions,
                               const std::vector<std::function<double()>>& candidates) {
  std::vector<Samples> samples(candidates.size());
  for (int round = 0; round < repetitions; ++round) {
    for (size_t i = 0; i < candidates.size(); ++i) samples[i].add(candidates[i]());
  }
  return samples;
}

double seconds_of(const std::function<void()>& work) {
  const Stopwatch watch;
  work();
  return watch.seconds();
}

}  // namespace podium::bench
