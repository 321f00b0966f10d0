// EpochTable: what happens in each step of an epoch, laid out before it begins, for engines that
// take many steps without asking the host.
//
// The same images, augmentation, learning rates and averages that the loader and the host's steps
// would come to. Only full shuffles. Pure functions; everything is a copy of plain data.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "io/image/image_shape.hpp"
#include "train/drawn_image.hpp"
#include "train/step_engine.hpp"
#include "train/weight_average.hpp"

namespace podium::train {

// Images that this rank sees in an epoch of `records`, over all steps.
size_t images_of_rank(const io::LoaderOptions& data, uint64_t records);

// Fills `images`, which has room for images_of_rank(). REQUIRES: plan.data asks for a full shuffle.
void draw_images(const EpochPlan& plan, const io::ImageShape& shape, uint64_t records,
                 std::span<DrawnImage> images);

// One step before it is taken.
struct PlannedStep {
  int64_t step = 0;  // of the run
  double lr = 0;
  float average_share = 0;  // how far the average goes towards the weights; 0: it stays
  size_t images = 0;        // of this rank
  size_t images_of_all = 0;
};

// All steps of the epoch. `average` is null for a run without one.
std::vector<PlannedStep> plan_steps(const EpochPlan& plan, uint64_t records,
                                    const WeightAverage* average);

}  // namespace podium::train
