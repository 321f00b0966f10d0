// Arrivals: when the requests of a load are due, at a mean rate. Pure.
//
// Equal seeds give equal times. Poisson: independent clients, gaps are exponential. Constant: equal
// gaps. Bursts: so many at once, with exponential gaps between bursts.
#pragma once

#include <string_view>

#include "core/random.hpp"

namespace podium::bench {

enum class ArrivalKind { poisson, constant, bursts };

// Throws usage_error.
ArrivalKind parse_arrivals(std::string_view text);

class Arrivals {
 public:
  // REQUIRES: per_second > 0, burst >= 1.
  Arrivals(ArrivalKind kind, double per_second, int burst, uint64_t seed);

  // Seconds from the beginning, never before the last one's.
  double next();

 private:
  double exponential(double mean);

  ArrivalKind kind_;
  double per_second_;
  int burst_;
  Random random_;
  double now_ = 0;
  int64_t count_ = 0;
};

}  // namespace podium::bench
