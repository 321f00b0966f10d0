// The four modes side by side on the same work: `podium bench learn`, with rollouts of known
// lengths, and `podium learn --learn.profile`, with those of the environment. The learning rate is
// 0, so that no mode's work depends on what it has learnt.
#pragma once

#include "learn/layout.hpp"
#include "verbs.hpp"

namespace podium {

// All ranks of the job take part. Throws what learning throws.
ExitCode bench_learn_verb(const VerbContext& context);

// The same for the environment, sizes and roles of `podium learn`, each mode once.
ExitCode profile_modes(const VerbContext& context);

}  // namespace podium
