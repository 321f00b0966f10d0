#include "ps/tcp/socket.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstdint>

#include "core/error.hpp"
#include "core/sockets.hpp"

namespace podium::ps {
namespace {

using Milliseconds = std::chrono::milliseconds;

std::string name_of_this_machine() {
  std::array<char, HOST_NAME_MAX + 1> name{};
  ::gethostname(name.data(), name.size() - 1);
  return name.data();
}

bool is_every_interface(const std::string& host) {
  return host == "0.0.0.0" || host == "::" || host == "*";
}

// The system would take 65537 for 1.
bool is_port(const std::string& text) {
  uint16_t number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && stop == end;
}

}  // namespace

std::string Address::text() const {
  return host + ":" + port + (local.empty() ? "" : "/" + local);
}

Address parse_address(const std::string& text) {
  const size_t slash = std::min(text.find('/'), text.size());
  const size_t colon = text.rfind(':', slash);
  const bool whole = colon != std::string::npos && colon > 0 && colon < slash;
  const std::string port = whole ? text.substr(colon + 1, slash - colon - 1) : "";
  if (!is_port(port)) {
    throw usage_error("'" + text + "' is no address", "parameter servers", "write HOST:PORT");
  }
  return {text.substr(0, colon), port, slash < text.size() ? text.substr(slash + 1) : ""};
}

std::pair<FileDescriptor, Address> listen_at(const std::string& host_and_port) {
  Address address = parse_address(host_and_port);
  Address bound = address;
  if (bound.host == "*") bound.host = "0.0.0.0";
  bool found = false;
  FileDescriptor socket = listen_by_tcp(bound.host, bound.port, &found);
  if (!found) {
    throw usage_error("no such host: " + address.host, host_and_port, "give one of this machine");
  }
  if (!socket) {
    throw io_error("cannot listen for workers of parameter servers", host_and_port, errno);
  }
  address.port = port_of(socket);
  if (is_every_interface(address.host)) address.host = name_of_this_machine();
  return {std::move(socket), std::move(address)};
}

std::string host_beside(const std::string& host) {
  return host == name_of_this_machine() ? "*" : host;
}

std::pair<FileDescriptor, std::string> listen_locally() {
  std::string name = "podium-ps-" + make_secret();
  FileDescriptor socket = listen_inside_node(name);
  if (!socket) {
    throw io_error("cannot listen for workers of parameter servers", "local socket " + name, errno);
  }
  return {std::move(socket), std::move(name)};
}

FileDescriptor accept_from(const FileDescriptor& listener) {
  return FileDescriptor(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
}

FileDescriptor connect_to(const Address& address, Milliseconds limit) {
  FileDescriptor socket = connect_by_tcp(address.host, address.port, limit);
  if (socket) return socket;
  throw unavailable_error("nobody answers", address.text(),
                          "check that the parameter servers run, and the address");
}

void tune(const FileDescriptor& socket, Milliseconds silence, Milliseconds stall) {
  const int on = 1;
  if (::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) return;
  const auto limit_ms = static_cast<unsigned>(stall.count());
  const int seconds = std::max(1, static_cast<int>(silence.count() / 4000));
  const int probes = 3;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_USER_TIMEOUT, &limit_ms, sizeof limit_ms);
  ::setsockopt(socket.get(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof seconds);
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_KEEPINTVL, &seconds, sizeof seconds);
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}

}  // namespace podium::ps
