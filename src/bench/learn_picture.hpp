// When explorers and trainers did what, in each mode, one below the other on one scale.
#pragma once

#include <string>
#include <vector>

#include "learn/mode.hpp"
#include "learn/mode_profile.hpp"

namespace podium::bench {

struct LearnPicture {
  std::string mode;
  learn::SyncMethod method = learn::SyncMethod::direct;
  learn::Timeline timeline;
};

// As SVG: an equally long stretch of each, after the first `warm_up` batches, in which the slowest
// one trains on `batches`. REQUIRES: each has more than warm_up + batches.
std::string picture_of(const std::vector<LearnPicture>& modes, size_t warm_up, size_t batches);

}  // namespace podium::bench
