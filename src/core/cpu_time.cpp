#include "core/cpu_time.hpp"

#include <ctime>

namespace podium {
namespace {

double seconds_on(clockid_t clock) {
  timespec time{};
  if (::clock_gettime(clock, &time) != 0) return 0;
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

}  // namespace

double thread_cpu_s() {
  return seconds_on(CLOCK_THREAD_CPUTIME_ID);
}

double process_cpu_s() {
  return seconds_on(CLOCK_PROCESS_CPUTIME_ID);
}

double process_cpu_s(pid_t pid) {
  clockid_t clock{};
  return pid > 0 && ::clock_getcpuclockid(pid, &clock) == 0 ? seconds_on(clock) : 0;
}

}  // namespace podium
