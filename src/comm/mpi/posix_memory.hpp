// Shared memory between the processes of a node, by POSIX: an object of a name, mapped by each.
//
// The pages are reserved when it is made, so that a full /dev/shm is told there and is not a crash
// at the first touch. The name is forgotten as soon as all have joined.
#pragma once

#include <memory>
#include <string>

#include "comm/shared_memory.hpp"

namespace podium::comm {

// Null, and `why_not`, when the system gives none.
std::unique_ptr<SharedMemory> make_posix_memory(size_t bytes, std::string* why_not);
std::unique_ptr<SharedMemory> join_posix_memory(const std::string& name, size_t bytes,
                                                std::string* why_not);

}  // namespace podium::comm
