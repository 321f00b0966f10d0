// Advance: how far the epoch under way has come, for those who watch.
#pragma once

#include <cstddef>

namespace podium::train {

// As the first rank sees it.
struct EpochAdvance {
  int epoch = 0;  // counted from 1
  int epochs = 0;
  size_t step = 0;  // taken
  size_t steps = 0;
  double loss = 0;            // mean over this rank's images of the epoch
  double train_accuracy = 0;  // of them, in [0,1]
};

}  // namespace podium::train
