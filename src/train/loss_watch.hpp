// LossWatch: notices within a few steps that a run has diverged, on all ranks of a group alike.
//
// Ranks record their loss after each step and agree every `window` steps, or later, on the sums, in
// the collective in which they also agree on stopping. A run has diverged when
//   - a loss or a weight is no finite number, or
//   - the mean loss of each of `window` steps in a row is above 100 ln(classes). ln(classes) is the
//     loss of a model that knows nothing, so such a model gives the right class e^-230 where
//     there are ten. Healthy runs do not come near; one that jumps and recovers is let go on.
//
// Threads: belongs to its trainer's thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace podium::train {

struct Divergence {
  std::string what;  // "the loss is no longer a finite number"
  int64_t step = 0;  // of the run, counted from 0
  double learning_rate = 0;
};

class LossWatch {
 public:
  static constexpr size_t window = 8;  // steps after which an agreement is due

  explicit LossWatch(int classes);

  // After each step: this rank's sum of losses; the images of all ranks.
  void record(int64_t step, double learning_rate, double loss_sum, double images_of_all);

  // Steps since the last agreement.
  size_t recorded() const { return sums_.size(); }

  // State for checkpoints, right after an agreement: how many of the last steps were above the
  // limit.
  size_t above() const { return above_; }
  void go_on_from(size_t above) { above_ = above; }

  // This rank's sums since the last agreement, which become the sums over all ranks there.
  std::span<double> sums() { return sums_; }

  // To be called once sums() are those of all ranks. Forgets them. `weights_finite`: on all ranks.
  std::optional<Divergence> judge(bool weights_finite);

 private:
  struct Recorded {
    int64_t step;
    double learning_rate;
    double images;
  };

  double limit_;
  size_t above_ = 0;             // steps in a row that were above the limit
  std::vector<double> sums_;     // since the last agreement
  std::vector<Recorded> steps_;  // they are of
};

// True if no value is infinite or not a number.
bool all_finite(std::span<const float> values);

}  // namespace podium::train
