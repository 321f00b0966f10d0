// Time that passes on a simulated rank.
#pragma once

#include <smpi/smpi_helpers_internal.h>

#include <ctime>

namespace podium::comm {

// The rank sleeps, in simulated time; not at all for `seconds` <= 0.
inline void let_time_pass(double seconds) {
  if (seconds <= 0) return;
  const auto whole = static_cast<time_t>(seconds);
  const timespec time{whole, static_cast<long>(1e9 * (seconds - static_cast<double>(whole)))};
  smpi_nanosleep(&time, nullptr);
}

}  // namespace podium::comm
