// `podium report`: one page about one or more runs.
#pragma once

#include "verbs.hpp"

namespace podium {

// Rank 0 writes the page; more ranks have nothing to add.
ExitCode report_verb(const VerbContext& context);

}  // namespace podium
