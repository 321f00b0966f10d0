#include "comm/communicator.hpp"

#include "core/error.hpp"

namespace podium::comm {
namespace {

// Polls `done` until it holds; past the limit throws with the story of the wait.
template <typename Done>
void poll_until(const Communicator& group, const WaitPolicy& policy, const char* operation,
                int peer, Done done) {
  if (done()) return;
  const Deadline deadline(policy.limit);
  Backoff backoff(policy.backoff);
  while (!done()) {
    if (deadline.expired()) {
      const std::string whom = peer == any_rank ? "any rank" : "rank " + std::to_string(peer);
      throw internal_error("rank " + std::to_string(group.rank()) + " of group '" + group.name() +
                               "' waited " + std::to_string(policy.limit.count() / 1000) +
                               " s for " + whom,
                           operation, "see whether that rank died or stalled");
    }
    backoff.pause();
  }
}

Message receive_envelope(Communicator& group, const Envelope& envelope) {
  Message message{envelope.from, envelope.tag, std::vector<std::byte>(envelope.bytes)};
  receive(group, message.bytes, envelope.from, envelope.tag);
  return message;
}

}  // namespace

void Communicator::own_sum(const Elements&, const std::function<std::string()>& story) {
  throw internal_error("this transport has no sum of its own", story());
}

void Communicator::wait(Request& request, const char* operation, int peer) const {
  wait(request, operation, peer, policy_);
}

void Communicator::wait(Request& request, const char* operation, int peer,
                        const WaitPolicy& policy) const {
  poll_until(*this, policy, operation, peer, [&] { return request.test(); });
}

void send(Communicator& group, std::span<const std::byte> bytes, int to, int tag) {
  Request request = group.isend(bytes, to, tag);
  group.wait(request, "send", to);
}

void receive(Communicator& group, std::span<std::byte> bytes, int from, int tag) {
  Request request = group.irecv(bytes, from, tag);
  group.wait(request, "receive", from);
}

Message receive_any(Communicator& group, int from, int tag, const WaitPolicy& policy) {
  std::optional<Envelope> envelope;
  poll_until(group, policy, "waiting for a message", from,
             [&] { return (envelope = group.probe(from, tag)).has_value(); });
  return receive_envelope(group, *envelope);
}

std::optional<Message> try_receive(Communicator& group, int from, int tag) {
  const std::optional<Envelope> envelope = group.probe(from, tag);
  if (!envelope) return std::nullopt;
  return receive_envelope(group, *envelope);
}

}  // namespace podium::comm
