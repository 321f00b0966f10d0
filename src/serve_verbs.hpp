// Verbs about running services: `podium bench serve` and `podium top`.
#pragma once

#include "verbs.hpp"

namespace podium {

// Rank 0 measures, the others wait. Throws what the measurement throws.
ExitCode bench_serve_verb(const VerbContext& context);

// Rank 0 shows, the others wait. Throws unavailable_error when no service answers.
ExitCode top_verb(const VerbContext& context);

}  // namespace podium
