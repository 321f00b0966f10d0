// `podium bench WHAT`: a part measured against its peers and limits.
#pragma once

#include "verbs.hpp"

namespace podium {

// All ranks take part; rank 0 prints the table and the result line. Throws what the measurement
// throws.
ExitCode bench_verb(const VerbContext& context);

}  // namespace podium
