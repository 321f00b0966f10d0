// Synthetic images, made on the fly: "synthetic:N,H,W,C,classes" or with ",seed" behind.
//
// Each class has a smooth pattern of its own (a sum of plane waves); a record is its class's
// pattern at a random contrast under uniform noise, so that classes are learnable but no two
// records are equal. N train records and max(classes, N/10) test records; record i has label
// i mod classes. Any record is made from (seed, part, i) alone, in no memory to speak of.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "io/sources/source.hpp"

namespace podium::io {

struct SyntheticOptions {
  uint64_t records = 0;  // of the train part
  ImageShape shape;
  uint64_t classes = 0;  // 2 to 256
  uint64_t seed = 0;
};

inline constexpr const char* synthetic_prefix = "synthetic:";

// Throws usage_error naming what is wrong with `text`.
SyntheticOptions parse_synthetic(const std::string& text);

std::unique_ptr<Source> open_synthetic_source(const SyntheticOptions& options, std::string text);

}  // namespace podium::io
