// What the ranks of one ingest write, and what each of them reports.
//
// The deciding rank makes the plan; it travels to the others as JSON, and their reports travel
// back. Plain values.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "io/cache/manifest.hpp"

namespace podium::io {

// Records of one part: where they begin in the source and in the cache.
struct PartPlan {
  uint64_t source_first = 0;
  uint64_t cache_first = 0;
  uint64_t records = 0;
};

struct WritePlan {
  std::filesystem::path folder;
  std::string source;             // text of the source to read
  std::string tag;                // [0-9a-f]+, part of the shards' names: no two plans share it
  uint64_t generation = 0;        // of the shards
  std::array<PartPlan, 2> parts;  // by Part
  std::vector<uint8_t> labels;    // the cache's label of each of the source's; empty: the same

  const PartPlan& part(Part which) const { return parts[static_cast<size_t>(which)]; }

  std::string to_json() const;
  // Throws internal_error when `text` is no plan.
  static WritePlan from_json(std::string_view text);
};

// What one rank wrote. Sums are exact integers, so statistics do not depend on the rank count.
struct ShardReport {
  std::vector<ShardEntry> shards;
  std::vector<uint64_t> sum;         // per channel, of pixels of the train split
  std::vector<uint64_t> square_sum;  // per channel, of their squares

  std::string to_json() const;
  // Throws internal_error when `text` is no report.
  static ShardReport from_json(std::string_view text);
};

}  // namespace podium::io
