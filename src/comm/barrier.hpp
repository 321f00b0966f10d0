// Barrier by dissemination (Hensgen, Finkel & Manber 1988): nobody leaves before all have entered.
#pragma once

#include "comm/communicator.hpp"

namespace podium::comm {

// `policy` says how long to wait for the slowest rank, and whether to sleep meanwhile.
void barrier(Communicator& group, const WaitPolicy& policy);

}  // namespace podium::comm
