// The one-cycle learning-rate schedule (Smith & Topin 2019), with cosine ramps as in PyTorch.
#pragma once

#include <cstdint>

namespace podium::nn {

struct OneCycleOptions {
  double warmup_share = 0.25;  // of all steps, spent rising to the peak; in [0, 1)
  double start_factor = 0.04;  // first rate = peak * start_factor
  double end_factor = 4e-6;    // last rate = peak * end_factor
};

class OneCycle {
 public:
  // Throws usage_error for a peak <= 0, total_steps < 1 or a share outside [0, 1).
  OneCycle(double peak_lr, int64_t total_steps, OneCycleOptions options = {});

  // The rate of step 0..total_steps-1; later steps keep the last rate.
  double at(int64_t step) const;

 private:
  double peak_;
  int64_t last_step_;
  OneCycleOptions options_;
};

}  // namespace podium::nn
