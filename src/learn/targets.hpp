// Targets: what the steps of experiences were worth, by what came after them. Pure.
#pragma once

#include "learn/objective.hpp"

namespace podium::learn {

// Returns to the end of the episode, or of the experience with what the critic says of the rest
// (nothing without one), less the critic's value, or the mean return of the batch.
Targets return_targets(const Trajectories& batch, double discount);

// Generalised advantage estimation (Schulman et al. 2016).
Targets gae_targets(const Trajectories& batch, double discount, double lambda);

// v_s and r + discount v_{s+1} - V(x_s) (Espeholt et al. 2018, section 4.1), where the policy at
// the start of the batch's updates is the target policy. The advantages are not yet weighted by
// rho.
Targets vtrace_targets(const Trajectories& batch, double discount, double rho_most, double c_most);

}  // namespace podium::learn
