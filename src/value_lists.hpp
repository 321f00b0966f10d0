// Lists in the values of options: words or numbers with commas between them; and ranges, two
// options.
#pragma once

#include <string>
#include <vector>

#include "config.hpp"

namespace podium {

// The words between commas, without the spaces around them; empty ones are left out.
std::vector<std::string> split_list(const std::string& text);

// The numbers that `key` lists, each from 1 to 65536; none for "none". Throws usage_error.
std::vector<int> count_list(const Config& config, const std::string& key);

// The numbers that `key` lists, each above 0. Throws usage_error.
std::vector<double> positive_list(const Config& config, const std::string& key);

// --bench.min_bytes, or `least` where that is not set, and --bench.max_bytes. Throws usage_error
// where the first is the larger.
struct SizeRange {
  size_t least = 0;
  size_t most = 0;
};
SizeRange size_range(const Config& config, size_t least);

}  // namespace podium
