// `podium train`: one model by all ranks of the job.
#pragma once

#include "verbs.hpp"

namespace podium {

// Collective. Returns this rank's exit code; throws Error.
ExitCode train_verb(const VerbContext& context);

}  // namespace podium
