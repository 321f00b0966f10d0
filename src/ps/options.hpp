// What a group of parameter servers agrees on (docs/parameter_server.md).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "ps/message.hpp"

namespace podium::ps {

// Which values a pull may see. A worker's clock is the number of steps that it has finished.
enum class Consistency {
  bsp,  // all pushes of all workers of every clock before the puller's, and no others
  ssp,  // all pushes of clocks before the puller's minus `staleness`; newer ones as they come
  asp,  // whatever there is
};

// What a push does to Θ. step_sum, of bsp: Θ becomes the sum of what all workers pushed in a step,
// added up in the order of their numbers.
enum class Rule { sum, sgd, momentum, adagrad, adam, step_sum };

// What holds for a part of Θ, from the end of the one before.
struct RangeOptions {
  size_t end = 0;
  float lr_factor = 1;
  bool decay = true;

  bool operator==(const RangeOptions&) const = default;
};

struct OptimizerOptions {
  Rule rule = Rule::sgd;
  float lr = 0.1F;  // a push may carry a rate of its own
  float momentum = 0.9F;
  bool nesterov = true;
  float weight_decay = 0;
  float beta1 = 0.9F;
  float beta2 = 0.999F;
  float epsilon = 1e-8F;
  std::vector<RangeOptions> ranges;  // ascending, to the end of Θ; none: all of it is alike
};

struct FilterOptions {
  bool key_caching = true;
  Encoding encoding = Encoding::fp32;  // of pushed gradients, with error feedback
  // Pushes only values above it, relative to the rms of the range; keeps the rest. 0: pushes all.
  float significance = 0;
};

struct GroupOptions {
  int servers = 2;
  int replicas = 0;  // --ps.replicas: backups of each range; needs more servers than that
  Consistency consistency = Consistency::bsp;
  uint64_t staleness = 0;  // τ, in clocks; of ssp
  OptimizerOptions optimizer;
  FilterOptions filters;
  size_t split_values = size_t{1} << 14;  // larger buffers are split over servers
  // More travel as several messages: one is added while the next is copied, in the caches.
  size_t message_values = size_t{1} << 18;
  std::chrono::milliseconds patience{std::chrono::seconds(60)};  // of a worker, for an answer
  std::chrono::milliseconds retry{std::chrono::seconds(5)};      // after which it sends again
};

}  // namespace podium::ps
