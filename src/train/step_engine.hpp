// StepEngine: the seam between the one training loop and how its steps are taken.
//
// An engine goes through the batches of one epoch: images and augmentation, forward and backward
// pass, exchange of gradients, optimizer, average of the weights. It may take one step at a time
// (host_engine.hpp) or a whole epoch (resident_engine.hpp); the loop evaluates, watches, agrees and
// saves in between, by what advance() tells. All engines take the same steps: order of images,
// augmentation, dropout and learning rate depend only on the recipe, the epoch and the step.
//
// Threads: an engine belongs to its trainer's thread. Calls are collective over the trainers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "io/loader/loader.hpp"
#include "nn/one_cycle.hpp"
#include "train/gradient_watch.hpp"
#include "train/wall_time.hpp"

namespace podium::train {

struct EpochPlan {
  uint64_t epoch = 0;        // counted from 0
  int64_t first_step = 0;    // of the whole epoch, counted over the run
  int64_t steps_of_run = 0;  // of the data set as it is now
  nn::OneCycle schedule;     // of the learning rate, by step of the run
  io::LoaderOptions data;    // whose images, in which order, augmented how
  int64_t begin = 0;         // the step of the epoch to begin with
  int64_t pause_every = 0;   // advance() ends at multiples of so many steps of the run; 0: anywhere
};

// One optimizer step, as this rank has seen it.
struct Step {
  int64_t step = 0;  // of the run, counted from 0
  double lr = 0;
  double loss_sum = 0;       // over the images of this rank
  int correct = 0;           // of them
  size_t images = 0;         // of this rank
  size_t images_of_all = 0;  // of all ranks
};

class StepEngine {
 public:
  virtual ~StepEngine() = default;

  // Begins an epoch of the data set as it is now; the rest of one under way is dropped.
  virtual void start_epoch(const EpochPlan& plan) = 0;

  // Takes at least one step and returns those taken, in order; none at the end of the epoch, after
  // which nothing of the data set is held. The view is valid until the next call. The host may then
  // read and write the training state.
  virtual std::span<const Step> advance() = 0;

  // Whether all ranks have the same weights after each step, and so may meet between any two. Else
  // they meet rarely, or they would wait for each other as if they had.
  virtual bool in_step() const { return true; }

  // Brings every rank's training state to what the run has come to, before anyone but the engine
  // looks at it. All ranks have taken the same steps by now. Collective.
  virtual void settle() {}

  // Where the time of all steps so far went on this rank; nothing of it is `other`.
  virtual WallTime times() const = 0;

  // The first gradient of this rank that was no finite number, where the engine looks at them.
  virtual std::optional<BadGradient> bad_gradient() const { return {}; }
};

// Of the dropout masks: ranks share a batch, so that each draws its own.
uint64_t dropout_seed(uint64_t seed, size_t rank);

}  // namespace podium::train
