// What can be known of a recipe before it trains: found out at the start of a job, not once the
// models before it have trained.
//
// Pure functions; they allocate no model. Errors name the option at fault as it was given.
#pragma once

#include <cstddef>

#include "core/device_choice.hpp"
#include "io/loader/dataset.hpp"
#include "ps/options.hpp"
#include "train/recipe.hpp"

namespace podium::train {

// Where a recipe is to be trained.
struct TrainingPlace {
  const io::Dataset& dataset;  // with the records that training begins with
  size_t trainers = 1;         // ranks that share each batch
};

// Throws usage_error for a learning rate, warm-up or average that makes no sense for any data.
void check_values(const Recipe& recipe);

// Throws usage_error for a network, augmentation or average that does not suit the images and
// steps, for more micro-batches than images, and for a batch norm that would see a single value per
// channel in some step.
void check_fit(const Recipe& recipe, const TrainingPlace& place);

// Throws unavailable_error for a precision that `device`, a trainer's, does not multiply in.
void check_precision(const Recipe& recipe, const DeviceChoice& device);

// Throws usage_error for an average of weights that no two trainers have at the same time.
void check_consistency(const Recipe& recipe, ps::Consistency consistency);

// The images of all ranks in a step of which some rank gets a single one, or has a single one in
// one of its `accumulate` micro-batches; 0 when there is none in an epoch of `records`.
size_t step_with_single_image(size_t records, size_t batch, size_t trainers, size_t accumulate = 1);

}  // namespace podium::train
