// What `podium bench io` measures: ingest against a script with h5py, caching against processing
// every epoch anew, the loader against memcpy, and the hit rates of the cache policies.
//
// Every figure is the median of several repetitions, taken in turns with what it is compared to.
// Temporary caches are made below `folder` and removed. One thread; blocks for about a minute.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "bench/table.hpp"
#include "core/log.hpp"

namespace podium::bench {

struct IoBenchOptions {
  std::string source = "fashion_mnist";  // as --io.source
  std::filesystem::path folder;          // for caches; on the file system to be measured
  std::filesystem::path scripts;         // with the peers' scripts
  int repetitions = 5;
  Log log;
};

// All of the below.
std::vector<Row> bench_io(const IoBenchOptions& options);

// `cache` is a folder of a cache of `options.source`.
std::vector<Row> bench_ingest(const IoBenchOptions& options);
std::vector<Row> bench_loader(const IoBenchOptions& options, const std::filesystem::path& cache);
std::vector<Row> bench_hit_rates();
std::vector<Row> bench_caching(const IoBenchOptions& options);

}  // namespace podium::bench
