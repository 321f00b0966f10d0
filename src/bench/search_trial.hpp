// One search on a table, from one seed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/search_bench.hpp"

namespace podium::bench {

// How a contender searches.
struct SearchHow {
  std::string what;
  std::string method;
  double lr = 0;
  bool shuffled = false;  // it is told rewards of other networks
};

struct SearchTrial {
  std::vector<size_t> networks;  // by sample, in order
  std::vector<double> rewards;   // of these, whatever the method was told
  std::vector<double> entropies;
};

// Deterministic.
SearchTrial search_once(const SearchTable& table, const search::Space& space, const SearchHow& how,
                        uint64_t seed, const SearchBenchOptions& options);

}  // namespace podium::bench
