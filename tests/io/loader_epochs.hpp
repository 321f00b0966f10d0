// Whole epochs of a loader, as several ranks see them.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "io/loader/loader.hpp"

namespace podium::test {

struct Step {
  std::vector<uint32_t> records;
  std::vector<uint8_t> images;
  std::vector<uint8_t> labels;
  bool operator==(const Step&) const = default;
};
using Epoch = std::vector<Step>;

// The epoch as `world` ranks see it: their parts of each step, joined in rank order.
inline Epoch joined_epoch(const io::Dataset& dataset, io::LoaderOptions options, size_t world,
                          uint64_t epoch, size_t first_step = 0) {
  Epoch joined;
  options.world = world;
  for (size_t rank = 0; rank < world; ++rank) {
    options.rank = rank;
    io::Loader loader(dataset, options);
    joined.resize(loader.steps_per_epoch() - first_step);
    loader.start_epoch(epoch, first_step);
    size_t steps = 0;
    while (const auto batch = loader.next()) {
      EXPECT_EQ(batch->step, first_step + steps);
      EXPECT_EQ(batch->images.size(), batch->count() * dataset.info().image_bytes());
      const size_t even = batch->global_count / world;
      EXPECT_TRUE(batch->count() == even || batch->count() == even + 1);
      Step& step = joined.at(steps++);
      step.records.insert(step.records.end(), batch->records.begin(), batch->records.end());
      step.images.insert(step.images.end(), batch->images.begin(), batch->images.end());
      step.labels.insert(step.labels.end(), batch->labels.begin(), batch->labels.end());
    }
    EXPECT_EQ(steps, joined.size());
    EXPECT_FALSE(loader.next());
  }
  return joined;
}

}  // namespace podium::test
