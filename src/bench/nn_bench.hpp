// What `podium bench nn` measures: how many images a second models train on and classify, and which
// share of the machine's FLOP peak that is.
//
// Training is whole steps: batches by the loader from memory, forward, backward, optimizer, without
// augmentation, all on the given number of threads. Steps before the pace is steady are not timed.
// On a GPU it is whole epochs by the engine that `podium train` uses (epoch_training.hpp).
// Prediction is Model::predict(), which normalises uint8 images and gives probabilities; with
// tta=flip that is two forward passes an image. Training in bf16 on a CPU has no limit beside it:
// the peak is that of fp32. On a GPU the limit is that of products or of memory, whichever binds
// (nn_limits.hpp), and one thread gives it its work.
//
// FLOPs are those of Model::flops_per_image(): convolutions and dense layers, a multiply-add as
// two. A training step counts three times the forward pass: the backward pass computes two products
// of the same size, one for the weights and one for the inputs (the first layer's second one is
// counted too, though nobody needs it). Winograd's filtering performs fewer than are counted.
#pragma once

#include <vector>

#include "bench/table.hpp"
#include "core/device_choice.hpp"
#include "core/log.hpp"
#include "io/loader/dataset.hpp"
#include "train/recipe.hpp"

namespace podium::bench {

struct NnBenchOptions {
  std::vector<train::Recipe> models;
  DeviceChoice device;               // where to compute
  std::vector<int> threads;          // each is measured, on a CPU
  std::vector<int> batches;          // of training steps; none: no training
  std::vector<int> predict_batches;  // none: no prediction
  bool peak = true;                  // measures the FLOP peak: the limits of the other rows
  int repetitions = 5;
  double seconds = 2;  // of one repetition
  Log log;
};

// One row for the peak of each thread count, or for what the GPU does at most, and one per model,
// batch size and thread count. Throws usage_error for a batch of more images than `dataset` has,
// and what models throw.
std::vector<Row> bench_nn(const io::Dataset& dataset, const NnBenchOptions& options);

}  // namespace podium::bench
