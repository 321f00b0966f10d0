#include "workflow/control_plane.hpp"

#include <nlohmann/json.hpp>

#include "core/error.hpp"

namespace podium::workflow {
namespace {

constexpr int first_tag = 100;
constexpr comm::WaitPolicy for_orders{std::chrono::hours(24 * 365), Backoff::Kind::idle};

int tag_of(Mailbox mailbox) {
  return first_tag + static_cast<int>(mailbox);
}

Json parse(const comm::Message& message) {
  const char* text = reinterpret_cast<const char*>(message.bytes.data());
  Json json = Json::parse(text, text + message.bytes.size(), nullptr, false);
  require(json.is_object(), "a control message is not a JSON object", "control plane");
  return json;
}

}  // namespace

Mailbox mailbox_of(Role role) {
  return static_cast<Mailbox>(role);
}

void ControlPlane::send(int to, Mailbox mailbox, const Json& message) {
  const std::lock_guard lock(mutex_);
  drop_completed();
  // Names of files need not be UTF-8.
  Pending& pending = pending_.emplace_back(
      Pending{message.dump(-1, ' ', false, Json::error_handler_t::replace), {}});
  pending.request = group_.isend(std::as_bytes(std::span(pending.text)), to, tag_of(mailbox));
}

std::optional<Json> ControlPlane::try_receive(Mailbox mailbox) {
  const auto message = comm::try_receive(group_, comm::any_rank, tag_of(mailbox));
  if (!message) return std::nullopt;
  return parse(*message);
}

Json ControlPlane::receive(Mailbox mailbox) {
  return parse(comm::receive_any(group_, comm::any_rank, tag_of(mailbox), for_orders));
}

void ControlPlane::flush() {
  const std::lock_guard lock(mutex_);
  for (Pending& pending : pending_) {
    group_.wait(pending.request, "flushing control messages", comm::any_rank);
  }
  pending_.clear();
}

void ControlPlane::drop_completed() {
  pending_.remove_if([](Pending& pending) { return pending.request.test(); });
}

}  // namespace podium::workflow
