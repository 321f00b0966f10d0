// Sockets as parameter servers use them: addresses, listeners, connections.
//
//   address := HOST:PORT [ '/' NAME ]
//
// NAME is that of a Unix socket of the abstract name space: processes of the same node, which alone
// can reach it, come by it, and can be given memory (core/sockets.hpp).
#pragma once

#include <chrono>
#include <string>
#include <utility>

#include "core/file_descriptor.hpp"

namespace podium::ps {

struct Address {
  std::string host;
  std::string port;
  std::string local;  // NAME; empty: none

  std::string text() const;
};
// Throws usage_error.
Address parse_address(const std::string& text);

// Listens at HOST:PORT, where port 0 is any that is free. The second is the address by which others
// come: with the port that it got, and this machine's name where HOST is every interface. Throws
// usage_error, io_error.
std::pair<FileDescriptor, Address> listen_at(const std::string& host_and_port);
// Listens at a Unix socket under a name that nobody else has. Throws io_error.
std::pair<FileDescriptor, std::string> listen_locally();
// The next connection; empty when there is none.
FileDescriptor accept_from(const FileDescriptor& listener);

// A connection by TCP. Throws unavailable_error.
FileDescriptor connect_to(const Address& address, std::chrono::milliseconds limit);

// What a TCP connection needs: no delay, and an end when an idle peer's machine has said nothing
// for `silence`, or a peer has taken nothing of what was sent for `stall`. Does nothing to a Unix
// socket.
void tune(const FileDescriptor& socket, std::chrono::milliseconds silence,
          std::chrono::milliseconds stall);

}  // namespace podium::ps
