// Processor time that has been used, in seconds.
#pragma once

#include <sys/types.h>

namespace podium {

double thread_cpu_s();   // by the calling thread
double process_cpu_s();  // by all threads of this process
// By all threads of another process; 0 when it is gone.
double process_cpu_s(pid_t pid);

}  // namespace podium
