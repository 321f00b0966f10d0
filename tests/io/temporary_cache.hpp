// Building and reading whole caches in tests.
#pragma once

#include <filesystem>
#include <numeric>
#include <vector>

#include "io/cache/ingest.hpp"
#include "io/loader/dataset.hpp"

namespace podium::test {

// Builds the cache as `ranks` ranks would, one after the other; returns its folder.
inline std::filesystem::path build_cache(const io::IngestOptions& options, uint64_t ranks) {
  io::Ingest ingest(options);
  const io::Decision decision = ingest.decide();
  if (decision.reuse) return decision.path;
  std::vector<io::ShardReport> reports;
  for (uint64_t rank = 0; rank < ranks; ++rank) {
    // Each rank has an Ingest of its own; only the deciding one decided.
    reports.push_back(io::ShardReport::from_json(
        rank == 0 ? ingest.write_part(*decision.plan, 0, ranks).to_json()
                  : io::Ingest(options).write_part(*decision.plan, rank, ranks).to_json()));
  }
  ingest.finish(reports);
  return decision.path;
}

struct SplitContent {
  std::vector<uint8_t> images;
  std::vector<uint8_t> labels;
};

inline SplitContent read_split(const io::Dataset& dataset, io::Split split) {
  std::vector<uint32_t> records(dataset.size(split));
  std::iota(records.begin(), records.end(), 0u);
  SplitContent content{std::vector<uint8_t>(records.size() * dataset.info().image_bytes()),
                       std::vector<uint8_t>(records.size())};
  dataset.gather(split, records, content.images, content.labels);
  return content;
}

}  // namespace podium::test
