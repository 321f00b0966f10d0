// A model for the images of a data set, on the CPU.
#pragma once

#include <string>

#include "io/loader/dataset.hpp"
#include "nn/model.hpp"

namespace podium::bench {

// Throws usage_error for an architecture that does not fit the images.
nn::Model model_for(const io::DatasetInfo& info, const std::string& architecture, int threads,
                    int max_batch);

}  // namespace podium::bench
