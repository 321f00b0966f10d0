// A TCP port of this machine that nobody had a moment ago; 0 when there is none.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "core/file_descriptor.hpp"

namespace podium::test {

inline int free_port() {
  const FileDescriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* plain = reinterpret_cast<sockaddr*>(&address);
  if (::bind(socket.get(), plain, size) != 0) return 0;
  if (::getsockname(socket.get(), plain, &size) != 0) return 0;
  return ntohs(address.sin_port);
}

}  // namespace podium::test
