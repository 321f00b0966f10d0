// The test of Mann & Whitney (1947): whether one group of measurements is larger than another, by
// ranks alone. Its distribution is computed exactly, so few measurements are enough.
#pragma once

#include <span>

namespace podium::bench {

// The probability that, were all measurements alike, at least as many pairs (a of `ours`, b of
// `theirs`) as here had a > b. A tie counts as none of these, so that ties never help. REQUIRES:
// neither is empty; memory grows with the product of the sizes.
double chance_that_larger(std::span<const double> ours, std::span<const double> theirs);

}  // namespace podium::bench
