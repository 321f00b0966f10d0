// What the kernels of a resident step read and write on the device, besides the model.
//
// One Cursor says which step it is; all else lies in tables by step or by image. A graph holds the
// addresses, never the values: they change from step to step and from epoch to epoch under it.
#pragma once

#include <cstdint>

#include "nn/cuda/edges.hpp"
#include "train/drawn_image.hpp"

namespace podium::train::cuda {

// Moves on at the end of each step.
struct Cursor {
  uint32_t step = 0;   // within the epoch
  uint32_t image = 0;  // first of this rank's images of the step, within the table
};

// Of one step.
struct StepEntry {
  float learning_rate = 0;
  float average_share = 0;
};

// Fixed at the start of an epoch.
struct EpochKey {
  uint64_t dropout_seed = 0;
  uint64_t first_step = 0;  // of the run
};

// Where the kernels find it all: device memory.
struct StepTables {
  const uint8_t* images = nullptr;    // [records,H,W,C], the training split
  const uint8_t* labels = nullptr;    // [records]
  const DrawnImage* order = nullptr;  // by position in the epoch
  const StepEntry* steps = nullptr;   // by step of the epoch
  const EpochKey* epoch = nullptr;
  Cursor* cursor = nullptr;
  nn::cuda::DeviceLoss* losses = nullptr;  // by step of the epoch
  // Of the step under way:
  StepEntry* now = nullptr;
  uint8_t* batch_labels = nullptr;  // [batch]
};

}  // namespace podium::train::cuda
