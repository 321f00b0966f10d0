#include "bench/load/arrivals.hpp"

#include <cmath>
#include <string>

#include "core/error.hpp"

namespace podium::bench {

ArrivalKind parse_arrivals(std::string_view text) {
  if (text == "poisson") return ArrivalKind::poisson;
  if (text == "constant") return ArrivalKind::constant;
  if (text == "bursts") return ArrivalKind::bursts;
  throw usage_error("'" + std::string(text) + "' is no way to arrive", "--bench.arrivals",
                    "use poisson, constant or bursts");
}

Arrivals::Arrivals(ArrivalKind kind, double per_second, int burst, uint64_t seed)
    : kind_(kind), per_second_(per_second), burst_(burst), random_(seed) {
  require(per_second > 0 && burst >= 1, "a load has a rate and bursts of one or more", "Arrivals");
}

double Arrivals::next() {
  const int64_t index = count_++;
  switch (kind_) {
    case ArrivalKind::constant:
      return now_ = static_cast<double>(index) / per_second_;
    case ArrivalKind::bursts:
      if (index % burst_ != 0) return now_;
      return now_ += exponential(burst_ / per_second_);
    default:
      return now_ += exponential(1 / per_second_);
  }
}

double Arrivals::exponential(double mean) {
  return -mean * std::log(1.0 - random_.uniform());
}

}  // namespace podium::bench
