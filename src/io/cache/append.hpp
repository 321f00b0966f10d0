// Append: which records of a source a finished cache lacks.
//
// The cache's own source may have grown at its end: what the cache holds of it is compared record
// by record, and what follows is taken. Another source is taken whole, unless it was before.
// Appended records join the train split; validation and test stay as they are, so that accuracies
// compare. Free functions, thread-safe.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "io/cache/manifest.hpp"
#include "io/cache/write_plan.hpp"

namespace podium::io {

struct AppendChoice {
  PartPlan records;             // of the train part; none: there is nothing to append
  std::vector<uint8_t> labels;  // as in WritePlan
  std::string reason;           // one sentence for people
};

// `source` is the cache's own, with the content `digest`. Throws data_error when it did not only
// grow, and what reading it throws.
AppendChoice choose_grown(const std::filesystem::path& folder, const Manifest& cached,
                          const Source& source, const std::string& digest);

// Throws data_error when `source` has other images or classes than the cache.
AppendChoice choose_other(const Manifest& cached, const Source& source, const std::string& digest);

}  // namespace podium::io
