#include "ps/tcp/membership.hpp"

#include "core/error.hpp"
#include "core/sockets.hpp"
#include "ps/tcp/server_group.hpp"

namespace podium::ps {
namespace {

using Milliseconds = std::chrono::milliseconds;

constexpr Milliseconds turn{50};  // how soon the thread notices that it is to end

// What is asked of the group is short, and needs no memory beside the socket.
WireOptions modest(WireOptions options) {
  options.spin = std::chrono::microseconds(0);
  options.shared_memory = false;
  return options;
}

}  // namespace

Membership::Membership(const Ticket& ticket, uint32_t number, Milliseconds limit)
    : address_(ticket.address), link_(ticket.address, limit, modest(ticket.wire())) {
  Outgoing message;
  message.header.kind = Kind::join;
  message.header.worker = number;
  seal(message);
  link_.send(message);
  const auto end = SteadyClock::now() + limit;
  while (true) {
    const std::optional<Incoming> answer = link_.receive(left_until(end));
    if (answer && take(*answer)) break;
    if (link_.open() && SteadyClock::now() < end) continue;
    throw unavailable_error("the group of parameter servers does not let worker " +
                                std::to_string(number) + " in within " +
                                std::to_string(limit.count()) + " ms",
                            address_, "see what the process that keeps the servers says");
  }
  thread_ = std::thread([this] { listen(); });
}

Membership::~Membership() {
  ending_ = true;
  if (thread_.joinable()) thread_.join();
}

Roster Membership::roster() const {
  if (gone_) {
    throw unavailable_error("the group of parameter servers has gone", address_,
                            "see what the process that keeps the servers says");
  }
  const std::lock_guard lock(mutex_);
  return roster_;
}

bool Membership::take(const Incoming& message) {
  if (message.header.kind == Kind::roster) {
    Roster roster = parse_roster(text_of(message));
    const std::lock_guard lock(mutex_);
    roster_ = std::move(roster);
  }
  if (message.header.kind == Kind::ping) {
    Outgoing answer;
    answer.header.kind = Kind::pong;
    seal(answer);
    link_.send(answer);
  }
  return message.header.kind == Kind::join;
}

void Membership::listen() {
  try {
    while (!ending_ && link_.open()) {
      if (const std::optional<Incoming> message = link_.receive(turn)) take(*message);
    }
  } catch (const Error&) {
    // What came is not understood: as if the group had gone.
  }
  gone_ = true;
}

std::unique_ptr<Worker> join_group(const std::string& ticket_text, uint32_t number,
                                   const KeyMap& map, const GroupOptions& options) {
  const Ticket ticket = parse_ticket(ticket_text);
  const auto membership = std::make_shared<Membership>(ticket, number, options.patience);
  return std::make_unique<Worker>(number, map, options, tcp_connect(ticket.wire()),
                                  [membership] { return membership->roster(); });
}

}  // namespace podium::ps
