// LocalGradients: the gradient of one rank's images of a step, before it meets those of others.
//
// With recipe.accumulate > 1 the images are cut into micro-batches whose gradients are added up,
// weighted by their images: the gradient of them all, to rounding. Each micro-batch has dropout
// masks and batch statistics of its own.
//
// Threads: belongs to its trainer's thread.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "io/loader/batch_range.hpp"
#include "io/loader/loader.hpp"
#include "train/gradient_watch.hpp"
#include "train/step_engine.hpp"
#include "train/training_state.hpp"

namespace podium::train {

class LocalGradients {
 public:
  // `state` must outlive the object.
  explicit LocalGradients(TrainingState& state) : state_(state), watch_(state.model.buffers()) {}

  // Puts the dropout masks where the epoch begins.
  void start_epoch(const EpochPlan& plan);

  // Leaves the mean gradient over the images of `batch` in the model. `ready` hears, as of
  // Model::forward_backward(), which of it is final; nothing is before the last micro-batch.
  // `step` is that of the run.
  nn::Model::StepResult compute(const io::Batch& batch, int64_t step,
                                const nn::GradientsReady& ready);

  // The first that was no finite number.
  const std::optional<BadGradient>& bad() const { return watch_.found(); }

 private:
  nn::Model::StepResult micro_step(const io::Batch& batch, size_t part,
                                   const nn::GradientsReady& ready);
  io::BatchRange micro_batch(const io::Batch& batch, size_t part) const;
  float share(const io::Batch& batch, size_t part) const;
  void accumulate(bool first, float share);
  void add_accumulated(std::span<float> gradients, size_t begin, size_t end, float share) const;

  TrainingState& state_;
  GradientWatch watch_;
  std::vector<float> accumulated_;  // gradients of the step's micro-batches so far
};

}  // namespace podium::train
