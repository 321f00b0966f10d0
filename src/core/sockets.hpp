// Sockets: what all who speak over them share: listeners and connections by TCP and inside a node,
// waits, descriptors that travel with bytes, and secrets. No socket made here blocks.
//
// What cannot be had is empty, with errno as the system left it: the caller knows what it was for.
// Names of sockets inside a node are of the abstract name space: short texts, without files.
//
// Threads: any.
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <chrono>
#include <cstddef>
#include <span>
#include <string>

#include "core/clock.hpp"
#include "core/file_descriptor.hpp"

namespace podium {

// At the first address of the name that can be had; port "0" is any that is free. `found` says
// whether there is such a name.
FileDescriptor listen_by_tcp(const std::string& host, const std::string& port, bool* found);
FileDescriptor connect_by_tcp(const std::string& host, const std::string& port,
                              std::chrono::milliseconds limit);
// The one that a listener got.
std::string port_of(const FileDescriptor& socket);

FileDescriptor listen_inside_node(const std::string& name);
FileDescriptor connect_inside_node(const std::string& name, std::chrono::milliseconds limit);
// Whether the process at the other end, inside this node, is of this user.
bool is_own_user(const FileDescriptor& socket);

// Waits until one of `events` (of poll), or an error, is there: which; 0 when none is by then.
short wait_for(int socket, short events, SteadyClock::time_point end);
// Whether a call of the system on a socket failed only for now.
bool failed_for_now();
// From now to `end`, at least 0.
std::chrono::milliseconds left_until(SteadyClock::time_point end);

// One call of the system that does not wait: how many bytes went or came, or -1. `passed` goes with
// the first of them (-1: none); what comes with them is kept in `passed`, or closed where that is
// null.
ssize_t send_some(int socket, std::span<const iovec> parts, int passed = -1);
ssize_t receive_some(int socket, std::span<iovec> parts, FileDescriptor* passed);

// 128 bits by chance, in hexadecimal. Throws io_error.
std::string make_secret();
// In a time that does not tell how much of it is right.
bool is_secret(std::span<const std::byte> told, const std::string& secret);

}  // namespace podium
