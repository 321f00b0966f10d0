#include "ps/tcp/tcp_station.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "core/error.hpp"
#include "ps/tcp/socket.hpp"
#include "ps/tcp/tcp_link.hpp"

namespace podium::ps {
namespace {

using Milliseconds = std::chrono::milliseconds;

// What epoll tells beside the numbers of peers.
constexpr uint64_t at_listener = 0;
constexpr uint64_t at_local_listener = 1;
constexpr uint64_t at_wake = 2;
constexpr uint64_t first_peer = 16;

constexpr size_t most_strangers = 64;  // connections without a greeting
constexpr int most_messages_a_turn = 16;
constexpr Milliseconds check_every{100};

void control(const FileDescriptor& epoll, int operation, int descriptor, uint32_t events,
             uint64_t data) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = data;
  if (::epoll_ctl(epoll.get(), operation, descriptor, &event) != 0) {
    throw io_error("cannot watch a connection", "epoll", errno);
  }
}

}  // namespace

TcpStation::TcpStation(const std::string& host_and_port, WireOptions options)
    : options_(std::move(options)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      spin_(options_.spin),
      next_(first_peer),
      checked_(SteadyClock::now()) {
  if (!wake_ || !epoll_) throw io_error("cannot wait for connections", "epoll", errno);
  auto [listener, address] = listen_at(host_and_port);
  listener_ = std::move(listener);
  control(epoll_, EPOLL_CTL_ADD, listener_.get(), EPOLLIN, at_listener);
  if (options_.shared_memory) {
    auto [local_listener, name] = listen_locally();
    local_listener_ = std::move(local_listener);
    address.local = name;
    control(epoll_, EPOLL_CTL_ADD, local_listener_.get(), EPOLLIN, at_local_listener);
  }
  control(epoll_, EPOLL_CTL_ADD, wake_.get(), EPOLLIN, at_wake);
  address_ = address.text();
}

TcpStation::~TcpStation() = default;

void TcpStation::wake() const {
  const uint64_t one = 1;
  static_cast<void>(::write(wake_.get(), &one, sizeof one));
}

Station::Peer TcpStation::add(std::unique_ptr<Wire> wire) {
  const Peer peer = next_++;
  control(epoll_, EPOLL_CTL_ADD, wire->descriptor(), EPOLLIN, peer);
  connections_[peer].wire = std::move(wire);
  return peer;
}

Station::Peer TcpStation::connect(const std::string& address, Milliseconds limit) {
  std::unique_ptr<Wire> wire = connect_wire(address, limit, options_);
  if (!wire->open()) throw unavailable_error("a parameter server is lost", address, wire->why());
  return add(std::move(wire));
}

void TcpStation::send(Peer to, const Outgoing& message) {
  const auto found = connections_.find(to);
  if (found == connections_.end()) return;
  found->second.wire->send(message, Wire::Keep::copies);
  watch_sending(to, found->second);
}

void TcpStation::drop(Peer peer) {
  const auto found = connections_.find(peer);
  if (found == connections_.end()) return;
  found->second.dropped = true;
  found->second.wire->close("it does not keep the grammar");
}

void TcpStation::run(Milliseconds patience, const Events& events) {
  std::array<epoll_event, 64> ready;
  int count = 0;
  const auto look = [&](int timeout_ms) {
    count = ::epoll_wait(epoll_.get(), ready.data(), ready.size(), timeout_ms);
    return count > 0;
  };
  if (!unfinished_.empty() || patience.count() == 0) {
    look(0);
  } else if (!look(0) && !spin_.until([&] { return look(0); })) {
    look(static_cast<int>(std::min(patience, check_every).count()));
  }
  std::vector<Peer> peers = std::exchange(unfinished_, {});
  for (int i = 0; i < count; ++i) {
    const uint64_t at = ready[static_cast<size_t>(i)].data.u64;
    if (at == at_listener) accept_all(listener_);
    if (at == at_local_listener) accept_all(local_listener_);
    uint64_t times = 0;
    if (at == at_wake) static_cast<void>(::read(wake_.get(), &times, sizeof times));
    if (at >= first_peer && std::ranges::find(peers, at) == peers.end()) peers.push_back(at);
  }
  for (const Peer peer : peers) {
    const auto found = connections_.find(peer);
    if (found != connections_.end()) serve(peer, found->second, events);
  }
  if (SteadyClock::now() - checked_ > check_every) check_progress();
  bury(events);
}

// What one peer has said, but no more than is fair to the others. References into the map stay
// valid while `events` connect to others.
void TcpStation::serve(Peer peer, Connection& connection, const Events& events) {
  Wire& wire = *connection.wire;
  wire.flush();
  for (int i = 0; i < most_messages_a_turn; ++i) {
    const std::optional<Incoming> message = wire.receive();
    if (!message) return watch_sending(peer, connection);
    events.received(peer, *message);
    wire.done();
  }
  unfinished_.push_back(peer);
  watch_sending(peer, connection);
}

void TcpStation::watch_sending(Peer peer, Connection& connection) {
  const bool waits = connection.wire->has_unsent();
  if (waits == connection.waits_to_send || !connection.wire->open()) return;
  connection.waits_to_send = waits;
  control(epoll_, EPOLL_CTL_MOD, connection.wire->descriptor(),
          waits ? EPOLLIN | EPOLLOUT : EPOLLIN, peer);
}

void TcpStation::accept_all(const FileDescriptor& listener) {
  auto strangers = static_cast<size_t>(std::ranges::count_if(
      connections_, [](const auto& entry) { return !entry.second.wire->greeted(); }));
  for (; strangers < most_strangers; ++strangers) {
    FileDescriptor socket = accept_from(listener);
    if (!socket) {
      // Out of descriptors: later, instead of being told at once again.
      if (errno == EMFILE || errno == ENFILE) watch_listeners(false);
      return;
    }
    auto wire = std::make_unique<Wire>(std::move(socket), options_);
    wire->expect_greeting();
    add(std::move(wire));
  }
  watch_listeners(false);  // who comes now waits until these have greeted, or gone
}

void TcpStation::watch_listeners(bool on) const {
  const uint32_t events = on ? uint32_t{EPOLLIN} : 0U;
  control(epoll_, EPOLL_CTL_MOD, listener_.get(), events, at_listener);
  if (!local_listener_) return;
  control(epoll_, EPOLL_CTL_MOD, local_listener_.get(), events, at_local_listener);
}

void TcpStation::check_progress() {
  checked_ = SteadyClock::now();
  watch_listeners(true);
  for (auto& [peer, connection] : connections_) connection.wire->check_progress();
}

void TcpStation::bury(const Events& events) {
  std::vector<Peer> lost;
  for (auto entry = connections_.begin(); entry != connections_.end();) {
    const Connection& connection = entry->second;
    if (connection.wire->open()) {
      ++entry;
      continue;
    }
    if (!connection.dropped && connection.wire->greeted()) lost.push_back(entry->first);
    entry = connections_.erase(entry);
  }
  for (const Peer peer : lost) events.lost(peer);
}

}  // namespace podium::ps
