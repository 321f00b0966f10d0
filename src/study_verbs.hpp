// The verbs that study how a job scales: `bench scaling` by measuring, `plan` by arithmetic.
#pragma once

#include "verbs.hpp"

namespace podium {

// All ranks take part. Writes scaling.csv and scaling.svg into the run folder. Throws what
// bench::bench_scaling throws.
ExitCode bench_scaling_verb(const VerbContext& context);

// Rank 0 works.
ExitCode plan_verb(const VerbContext& context);

}  // namespace podium
