#include "ps/tcp/tcp_link.hpp"

#include <poll.h>

#include "core/error.hpp"
#include "core/sockets.hpp"
#include "ps/tcp/socket.hpp"

namespace podium::ps {
namespace {

// Null where there is no memory for one: payloads then travel by the socket.
std::unique_ptr<Window> make_window(size_t ring_bytes) {
  try {
    return std::make_unique<Window>(ring_bytes);
  } catch (const Error& error) {
    if (error.code() != ExitCode::io) throw;
    return nullptr;
  }
}

}  // namespace

using Milliseconds = std::chrono::milliseconds;

std::unique_ptr<Wire> connect_wire(const std::string& address, Milliseconds limit,
                                   const WireOptions& options) {
  const Address there = parse_address(address);
  FileDescriptor socket;
  if (options.shared_memory && !there.local.empty())
    socket = connect_inside_node(there.local, Milliseconds(0));
  const bool same_node = static_cast<bool>(socket);
  if (!same_node) socket = connect_to(there, limit);
  auto wire = std::make_unique<Wire>(std::move(socket), options);
  wire->greet(same_node ? make_window(options.ring_bytes) : nullptr);
  return wire;
}

TcpLink::TcpLink(const std::string& address, Milliseconds limit, WireOptions options)
    : options_(std::move(options)),
      wire_(connect_wire(address, limit, options_)),
      spin_(options_.spin) {
  const auto end = SteadyClock::now() + limit;
  while (open() && !wire_->agreed() && SteadyClock::now() < end) {
    receive(left_until(end));
  }
  if (wire_->agreed()) return;
  throw unavailable_error(
      open() ? "a parameter server does not answer within " + std::to_string(limit.count()) + " ms"
             : "a parameter server refuses the connection: " + wire_->why(),
      address, "check that it runs, and the secret");
}

std::optional<Incoming> TcpLink::receive(Milliseconds patience) {
  const auto end = SteadyClock::now() + patience;
  std::optional<Incoming> message;
  const auto found = [&] {
    if (wire_->has_unsent()) wire_->flush();
    const bool agreed = wire_->agreed();
    message = wire_->receive();
    return message || !open() || agreed != wire_->agreed();
  };
  if (found() || patience.count() == 0) return message;
  if (!wire_->has_unsent() && spin_.until(found)) return message;  // else the peer has much to do
  while (!found()) {
    if (left_until(end).count() == 0) break;
    const short events = static_cast<short>(POLLIN | (wire_->has_unsent() ? POLLOUT : 0));
    wait_for(wire_->descriptor(), events, end);
  }
  return message;
}

Connect tcp_connect(const WireOptions& options) {
  return [options](const std::string& address, Milliseconds limit) -> std::unique_ptr<Link> {
    return std::make_unique<TcpLink>(address, limit, options);
  };
}

}  // namespace podium::ps
