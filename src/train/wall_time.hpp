// WallTime: where the wall time of one trainer went.
//
// Its parts do not overlap and sum to the wall time:
//
//   compute     forward and backward passes, optimizer, average
//   data wait   for the next batch
//   exposed     waiting for other trainers' gradients, or moving them, with nothing else to do
//   hidden      computing as well, while gradients were under way
//   other       evaluations, agreements, checkpoints
//
// So a trainer that is slower than the others shows as exposed time of the others.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "comm/communicator.hpp"

namespace podium::train {

struct WallTime {
  double compute_s = 0;
  double data_wait_s = 0;
  double exposed_comm_s = 0;
  double hidden_comm_s = 0;
  double other_s = 0;

  double wall_s() const { return steps_s() + other_s; }
  // In steps: all but `other`.
  double steps_s() const { return compute_s + data_wait_s + exposed_comm_s + hidden_comm_s; }
  // With what is missing to `wall_s` as `other`.
  WallTime filled_to(double wall_s) const;

  WallTime& operator+=(const WallTime& more);
  WallTime operator-(const WallTime& less) const;
};

// By rank, on every rank. Collective.
std::vector<WallTime> share_wall_times(const WallTime& mine, comm::Communicator& group);
WallTime mean_of(std::span<const WallTime> times);

// wall_s, then its parts.
nlohmann::ordered_json to_json(const WallTime& time);
// "12.3 s: 90.1 % compute, 0.2 % data wait, 3.0 % exposed and 4.0 % hidden communication, ..."
std::string to_text(const WallTime& time);

}  // namespace podium::train
