// What bounds the images a second of a model: products, or the memory that activations pass
// through.
//
// Of the memory only what no fusion of layers saves is counted: in training each layer's output is
// written once and read twice, by the next layer and by its own backward pass, and its gradient
// written and read once; in prediction each output is written and read once. Layers are those that
// the backend for GPUs runs, where batch norms have taken up ReLUs, pools and sums.
#pragma once

#include "io/loader/dataset.hpp"
#include "nn/backend.hpp"
#include "train/recipe.hpp"

namespace podium::bench {

// Of one image.
struct ImageCost {
  double flops = 0;  // a multiply-add counts as two
  double bytes = 0;
};

ImageCost training_cost(const io::DatasetInfo& info, const train::Recipe& recipe);
// With its mirror image where the recipe predicts so.
ImageCost prediction_cost(const io::DatasetInfo& info, const train::Recipe& recipe);

struct Limit {
  double images_per_s = 0;
  const char* what = "";  // binds
};

Limit flop_limit(const ImageCost& cost, double peak_flops);
Limit device_limit(const ImageCost& cost, const nn::DeviceLimits& device);

}  // namespace podium::bench
