// EpochTraining: the pace of training in whole epochs, by the engine that `podium train` would use:
// on a GPU one step is too short to be timed, and the host only looks on.
#pragma once

#include <cstdint>
#include <memory>

#include "core/device_choice.hpp"
#include "core/log.hpp"
#include "io/loader/dataset.hpp"
#include "train/recipe.hpp"

namespace podium::bench {

class EpochTraining {
 public:
  // Trains `recipe` on full shuffles of `dataset`, which outlives the object, in batches of
  // `batch`. Two epochs go by before the first that is timed: all that is prepared once is then
  // there.
  EpochTraining(const io::Dataset& dataset, const train::Recipe& recipe, const DeviceChoice& device,
                int batch, const Log& log);
  ~EpochTraining();
  EpochTraining(EpochTraining&&) noexcept;

  int64_t flops_per_image() const;

  // Images per second over about `seconds`, in whole epochs, at least one.
  double pace(double seconds);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace podium::bench
