// The computing of one training step on one rank, measured here on made-up images.
#pragma once

#include "core/device_choice.hpp"
#include "plan/memory_need.hpp"
#include "train/recipe.hpp"

namespace podium::plan {

// Seconds of forward pass, backward pass and optimizer on `share` images: the median over about
// `seconds`, after a warm-up. REQUIRES: share > 0.
double measure_step(const train::Recipe& recipe, const DataShape& data, int share,
                    const DeviceChoice& device, int threads, double seconds);

}  // namespace podium::plan
