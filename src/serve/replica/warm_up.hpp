// Warm-up: the batches that a new version computes before it serves.
//
// The first batch of a size costs more than the next ones: memory is touched, and a backend makes
// what the size needs. So blank images go through the model in batches of every size that requests
// may make, before the swap, and no request pays for it. The largest goes first: it touches most,
// and shows weights that are damaged. Then come the others, the smallest first, for those are what
// light load makes; with none begun once the time is over.
#pragma once

#include <chrono>
#include <vector>

#include "serve/replica/predictor.hpp"

namespace podium::serve {

// For the sizes after the largest. A model that is so slow has seldom batches of many sizes.
inline constexpr std::chrono::milliseconds warm_up_time{2000};

struct WarmUp {
  bool finite = true;      // all outputs
  std::vector<int> sizes;  // that were computed, in order
};

// With batches of up to `most` images, or what the predictor takes. Throws what predict() throws.
WarmUp warm_up(Predictor& predictor, int most, std::chrono::milliseconds time);

}  // namespace podium::serve
