// `podium bench search`: does the controller learn?
#pragma once

#include "verbs.hpp"

namespace podium {

// Rank 0 measures, after it has made the table where it is asked to. Throws what the measurement
// throws.
ExitCode bench_search_verb(const VerbContext& context);

}  // namespace podium
