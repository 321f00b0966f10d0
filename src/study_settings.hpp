// From the checked configuration to what a scaling study and a plan need.
#pragma once

#include "bench/scaling_bench.hpp"
#include "config.hpp"
#include "plan/plan.hpp"
#include "workflow/settings.hpp"

namespace podium {

// What `bench scaling` measures: the models of `settings`, with the bench.* keys; all but where it
// computes, and threads. Throws usage_error.
bench::ScalingOptions scaling_options(const Config& config, const workflow::Settings& settings,
                                      const Log& log);

// What `plan` is asked: the models of `settings`, with the plan.* keys; all but the data, and
// threads. Throws usage_error.
plan::PlanOptions plan_options(const Config& config, const workflow::Settings& settings,
                               const Log& log);

}  // namespace podium
