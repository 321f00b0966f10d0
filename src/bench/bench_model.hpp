// A model for the images of a data set.
#pragma once

#include "core/device_choice.hpp"
#include "io/loader/dataset.hpp"
#include "nn/model.hpp"
#include "train/recipe.hpp"

namespace podium::bench {

// The network of `recipe`, which computes and predicts as it says. Throws usage_error for an
// architecture that does not fit the images, unavailable_error for numbers that these cores lack.
nn::Model model_for(const io::DatasetInfo& info, const train::Recipe& recipe,
                    const DeviceChoice& device, int threads, int max_batch);

}  // namespace podium::bench
