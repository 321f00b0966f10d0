// Rollouts: environments side by side, and experiences of T steps each of what a policy does in
// them. An experience goes on where the one before it in the same environment ended.
//
// Threads: an object belongs to one thread. Equal seeds, policies and rollouts give equal bits.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "core/random.hpp"
#include "learn/environment.hpp"
#include "learn/experience.hpp"
#include "learn/policy.hpp"

namespace podium::learn {

struct RolloutOptions {
  int environments = 8;  // N
  int steps = 32;        // T
  int explorer = 0;
  uint64_t seed = 0;  // of this explorer
};

class Rollouts {
 public:
  // `make` gives environment 0 to N-1.
  Rollouts(const std::function<std::unique_ptr<Environment>(int)>& make,
           const RolloutOptions& options);

  // N experiences of rollout `number`, acted by `policy`, whose weights are `version`. Calls
  // `between`, unless empty, before every step; what it throws is thrown on.
  std::vector<Experience> explore(Policy& policy, const Version& version, uint64_t number,
                                  const std::function<void()>& between = {});

  // Of episodes that have ended since this was last asked.
  std::vector<double> take_returns();

  // Forgets the episodes under way: the next rollout begins new ones, which depend on its number
  // alone.
  void begin_anew();

 private:
  struct Place {
    std::unique_ptr<Environment> environment;
    bool under_way = false;
    double so_far = 0;  // of the return
  };

  Outcome step(size_t place, int action, Random next_episode);
  void begin_episode(size_t place, uint64_t seed);
  std::span<std::byte> observation(size_t place);

  RolloutOptions options_;
  size_t row_bytes_ = 0;
  std::vector<Place> places_;
  std::vector<std::byte> observations_;  // [N, observation bytes], as they are now
  std::vector<double> returns_;
};

// The mean return of `episodes` episodes by the likeliest actions, with seeds `seed`, `seed` + 1,
// ... side by side in `environments`.
double mean_return(Policy& policy, std::span<const std::unique_ptr<Environment>> environments,
                   int episodes, uint64_t seed);

}  // namespace podium::learn
