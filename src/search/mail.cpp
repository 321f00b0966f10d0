#include "search/mail.hpp"

#include "core/error.hpp"

namespace podium::search {
namespace {

constexpr int tag = 200;

}  // namespace

void Mail::send(int to, const Json& message) {
  pending_.remove_if([](Pending& pending) { return pending.request.test(); });
  Pending& pending = pending_.emplace_back(
      Pending{message.dump(-1, ' ', false, Json::error_handler_t::replace), {}});
  pending.request = group_.isend(std::as_bytes(std::span(pending.text)), to, tag);
}

std::optional<Mail::Letter> Mail::take() {
  const auto message = comm::try_receive(group_, comm::any_rank, tag);
  if (!message) return {};
  const char* text = reinterpret_cast<const char*>(message->bytes.data());
  Json json = Json::parse(text, text + message->bytes.size(), nullptr, false);
  require(json.is_object(), "a message between ranks is not a JSON object", "search");
  return Letter{message->from, std::move(json)};
}

void Mail::flush() {
  for (Pending& pending : pending_) {
    group_.wait(pending.request, "flushing messages of the search", comm::any_rank);
  }
  pending_.clear();
}

}  // namespace podium::search
