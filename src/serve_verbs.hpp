// Verbs about running services: `podium bench serve`.
#pragma once

#include "verbs.hpp"

namespace podium {

// Rank 0 measures, the others wait. Throws what the measurement throws.
ExitCode bench_serve_verb(const VerbContext& context);

}  // namespace podium
