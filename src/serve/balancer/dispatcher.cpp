#include "serve/balancer/dispatcher.hpp"

#include <vector>

#include "serve/protocol/protocol.hpp"

namespace podium::serve {

Dispatcher::Dispatcher(boost::asio::io_context& context, const ServiceOptions& options,
                       ReplicaPool& pool)
    : timeout_(options.request_timeout), pool_(pool), balancer_(options.policy), timer_(context) {}

void Dispatcher::submit(Request request, Answer answer) {
  const uint64_t id = next_id_++;
  Pending pending;
  pending.method = request.method;
  pending.fields = request.fields;
  pending.target = std::move(request.target);
  pending.body = std::make_shared<const std::string>(std::move(request.body));
  pending.key = request.key;
  pending.client = request.client;
  pending.version = request.version;
  pending.answer = std::move(answer);
  bytes_ += pending.body->size();
  retries_.count_request();
  const auto added = pending_.emplace_hint(pending_.end(), id, std::move(pending));
  deadlines_.emplace_back(SteadyClock::now() + timeout_, id);
  if (!timing_) await_deadline();
  dispatch(added);
}

// Returns false when no replica is ready.
bool Dispatcher::dispatch(Table::iterator request) {
  Pending& pending = request->second;
  const std::optional<size_t> seat =
      balancer_.pick(pool_.loads_for(pending.client, pending.version), pending.key);
  if (!seat) return false;
  pending.seat = *seat;
  ++pending.attempts;
  pool_.send(*seat, request->first,
             encode_request_head(request->first, pending.method, pending.fields, pending.target,
                                 pending.body->size()),
             pending.body);
  return true;
}

void Dispatcher::finish(Table::iterator request, const ReplyFields& fields, std::string body) {
  bytes_ -= request->second.body->size();
  const Answer answer = std::move(request->second.answer);
  pending_.erase(request);
  answer(fields, std::move(body));
}

void Dispatcher::refuse(Table::iterator request, int status, const std::string& why) {
  ReplyFields fields;
  fields.status = status;
  finish(request, fields, error_body(why));
}

void Dispatcher::replied(uint64_t id, const ReplyView& reply) {
  const auto request = pending_.find(id);
  if (request == pending_.end()) return;  // answered 504 before
  finish(request, reply.fields, std::string(reply.body));
}

void Dispatcher::lost(size_t seat) {
  for (auto next = pending_.begin(); next != pending_.end();) {
    const auto request = next++;
    if (request->second.seat != seat) continue;
    request->second.seat = nowhere;
    if (request->second.attempts < max_attempts) ++retried_;
  }
  changed();
}

// Sends what waits, or answers it when there is nothing left to wait for.
void Dispatcher::changed() {
  for (auto next = pending_.begin(); next != pending_.end();) {
    const auto request = next++;
    if (request->second.seat != nowhere) continue;
    if (request->second.attempts >= max_attempts) {
      refuse(request, 503, "every replica that took this request died");
    } else if (request->second.attempts > 0 && pool_.any_ready() && !retries_.take()) {
      continue;  // the pool will call again
    } else if (!dispatch(request) && !pool_.any_expected()) {
      refuse(request, 503, "no replica is up");
    }
  }
}

void Dispatcher::await_deadline() {
  while (!deadlines_.empty() && !pending_.contains(deadlines_.front().second)) {
    deadlines_.pop_front();
  }
  timing_ = !deadlines_.empty();
  if (!timing_) return;
  timer_.expires_at(deadlines_.front().first);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) expire();
  });
}

void Dispatcher::expire() {
  const auto now = SteadyClock::now();
  while (!deadlines_.empty() && deadlines_.front().first <= now) {
    const auto request = pending_.find(deadlines_.front().second);
    deadlines_.pop_front();
    if (request == pending_.end()) continue;
    const size_t seat = request->second.seat;
    refuse(request, 504, "no replica answered within " + std::to_string(timeout_.count()) + " ms");
    if (seat != nowhere) pool_.note_timeout(seat);
  }
  await_deadline();
}

}  // namespace podium::serve
