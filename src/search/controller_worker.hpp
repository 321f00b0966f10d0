// A controller replica as a worker process: proposes networks, and learns from their rewards.
//
//   from the search   {begin, count, state, unlearned, theta}   once, first; all but the first two
//                     may be null
//                     {samples: [{choices, reward}]}
//   to the search     {done, propose: [choices], state, entropy}
//
// By the ticket `theta` it finds the parameter servers (theta_servers.hpp). It pulls Θ before it
// proposes, and pushes the gradient of each batch of samples. What its
// proposals depend on beside Θ travels with them, from before they were drawn: a replica that is
// started again with it proposes the same. With `unlearned`, the samples of what was proposed from
// that state, it learns from them first and then goes on.
#pragma once

#include "core/channel.hpp"
#include "search/method.hpp"
#include "search/space.hpp"
#include "search/theta_store.hpp"

namespace podium::search {

// Runs until the search ends the channel.
void run_controller(Channel& channel, const Space& space, const MethodOptions& options,
                    const AdamOptions& adam);

}  // namespace podium::search
