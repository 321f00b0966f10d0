// MemoryNeed: what one rank holds in memory to train a model, by what it is for.
//
// The parts that grow with model, batch and data, as the code allocates them. Libraries, threads'
// stacks and MPI's own buffers are not in it: some 100 MiB a rank. Pure arithmetic.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>

#include "nn/lowering.hpp"
#include "train/recipe.hpp"

namespace podium::plan {

// The data as far as memory and network go.
struct DataShape {
  nn::ImageShape image;
  int classes = 0;
  uint64_t records = 0;       // of the train split
  uint64_t all_records = 0;   // of all splits
  uint64_t cache_budget = 0;  // --io.cache_memory
};

struct MemoryNeed {
  uint64_t parameters = 0;  // bytes, each
  uint64_t gradients = 0;
  uint64_t momentum = 0;
  uint64_t average = 0;      // of the weights, where the recipe asks for one
  uint64_t statistics = 0;   // of batch norm
  uint64_t activations = 0;  // of a training step on this rank's share of the batch
  uint64_t images = 0;       // kept in memory

  uint64_t total() const {
    return parameters + gradients + momentum + average + statistics + activations + images;
  }
};

// The images that a rank computes on together, of its `share` of a step.
int micro_batch(const train::Recipe& recipe, int share);

// `share` is the largest number of images that one rank gets of a step; `fusions` are those of the
// backend. Throws usage_error for an architecture that does not fit the images.
MemoryNeed memory_need(const train::Recipe& recipe, const DataShape& data, int share,
                       const nn::Fusions& fusions);

nlohmann::ordered_json to_json(const MemoryNeed& need);

}  // namespace podium::plan
