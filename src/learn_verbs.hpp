// The verb `learn`: reinforcement learning over explorers, a buffer and trainers (docs/learn.md).
#pragma once

#include "core/error.hpp"
#include "verbs.hpp"

namespace podium {

ExitCode learn_verb(const VerbContext& context);

}  // namespace podium
