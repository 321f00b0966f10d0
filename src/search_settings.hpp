// What the options of architecture search say, in the words of the rooms below.
#pragma once

#include "bench/search_bench.hpp"
#include "config.hpp"
#include "core/log.hpp"
#include "search/method.hpp"

namespace podium {

// Of the whole search: each controller replica has a number of its own to add.
search::MethodOptions method_options(const Config& config);

bench::SearchBenchOptions search_bench_options(const Config& config, const Log& log);

}  // namespace podium
