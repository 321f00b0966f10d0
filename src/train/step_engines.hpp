// The one place where it is decided who takes the steps of a run.
#pragma once

#include <memory>

#include "core/log.hpp"
#include "train/resident_engine.hpp"

namespace podium::train {

// That of parameter servers where they hold the weights; else the resident engine where all ranks
// have all that it needs, else the host's. Rank 0 says on
// `log`, if its model computes on a GPU, which one and why. Collective over the group.
std::unique_ptr<StepEngine> make_step_engine(const EngineSpec& spec, const Log& log);

}  // namespace podium::train
