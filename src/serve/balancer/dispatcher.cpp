#include "serve/balancer/dispatcher.hpp"

#include <algorithm>

#include "serve/protocol/protocol.hpp"

namespace podium::serve {
namespace {

// One batch that is computed and the next one.
size_t seat_limit(const ServiceOptions& options) {
  if (options.replica_queue > 0) return options.replica_queue;
  return 2 * static_cast<size_t>(options.max_batch);
}

// At least 1: what arrives with nothing left is still refused by its deadline.
uint32_t milliseconds_left(SteadyClock::time_point deadline, SteadyClock::time_point now) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - now).count();
  return static_cast<uint32_t>(std::clamp<int64_t>(left, 1, UINT32_MAX));
}

}  // namespace

Dispatcher::Dispatcher(boost::asio::io_context& context, const ServiceOptions& options,
                       ReplicaPool& pool)
    : timeout_(options.request_timeout),
      seat_limit_(seat_limit(options)),
      pool_(pool),
      balancer_(options.policy),
      admission_(options.queue_limit, options.queue_bytes, options.request_timeout),
      timer_(context) {}

bool Dispatcher::make_room(const RequestFields& fields, size_t body_bytes) {
  const Admission::Verdict verdict = admission_.ask(fields.priority, body_bytes);
  if (verdict.instead) {
    refuse(pending_.find(*verdict.instead), 429,
           "the queue is full, and a more urgent request took this one's place");
  }
  return verdict.admitted;
}

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
  retries_.count_request();
  pending.turn = admission_.accept(pending.fields.priority, pending.body->size());
  pending.limit = timeout_;
  if (const std::chrono::milliseconds own{pending.fields.timeout_ms}; own.count() > 0) {
    pending.limit = std::min(pending.limit, own);
  }
  pending.deadline = SteadyClock::now() + pending.limit;
  deadlines_.emplace(pending.deadline, id);
  const auto added = pending_.emplace(id, std::move(pending)).first;
  await_deadline();
  const Side side = side_of(added->second);
  if (!admission_.waiting().of(side).empty() || !dispatch(added)) {
    wait(added);
    send_waiting(side);
  }
}

Side Dispatcher::side_of(const Pending& request) const {
  return pool_.side_of(request.client, request.version);
}

// The seats of a side; ready are those that can take one more request.
std::span<const ReplicaLoad> Dispatcher::open_seats(Side side) {
  const std::span<const ReplicaLoad> loads = pool_.loads_of(side);
  open_.assign(loads.begin(), loads.end());
  for (ReplicaLoad& load : open_) load.ready = load.ready && load.in_flight < seat_limit_;
  return open_;
}

// Returns false when no replica can take it now.
bool Dispatcher::dispatch(Table::iterator request) {
  Pending& pending = request->second;
  const std::optional<size_t> seat = balancer_.pick(open_seats(side_of(pending)), pending.key);
  if (!seat || (pending.attempts > 0 && !retries_.take())) return false;
  pending.seat = *seat;
  ++pending.attempts;
  RequestFields fields = pending.fields;
  fields.timeout_ms = milliseconds_left(pending.deadline, SteadyClock::now());
  pool_.send(*seat, request->first,
             encode_request_head(request->first, pending.method, fields, pending.target,
                                 pending.body->size()),
             pending.body);
  return true;
}

void Dispatcher::wait(Table::iterator request) {
  Pending& pending = request->second;
  pending.seat = nowhere;
  admission_.waiting().add(side_of(pending), pending.turn, {request->first, pending.body->size()});
}

void Dispatcher::send_waiting() {
  for (const Side side : {Side::current, Side::trial}) send_waiting(side);
}

// Passes over none but those that the retry budget does not allow.
void Dispatcher::send_waiting(Side side) {
  WaitingLine::Queue& waiting = admission_.waiting().of(side);
  for (auto next = waiting.begin(); next != waiting.end();) {
    if (std::ranges::none_of(open_seats(side), &ReplicaLoad::ready)) return;
    const auto place = next++;
    if (dispatch(pending_.find(place->second.id))) waiting.erase(place);
  }
}

void Dispatcher::finish(Table::iterator request, const ReplyFields& fields, std::string body,
                        bool served) {
  const Pending pending = std::move(request->second);
  if (pending.seat == nowhere) admission_.waiting().remove(pending.turn);
  deadlines_.erase({pending.deadline, request->first});
  pending_.erase(request);
  admission_.end(pending.body->size(), served, SteadyClock::now());
  pending.answer(fields, std::move(body));
}

void Dispatcher::refuse(Table::iterator request, int status, const std::string& why) {
  ReplyFields fields;
  fields.status = status;
  finish(request, fields, error_body(why), false);
}

// The reply also makes room for another request at its replica.
void Dispatcher::replied(uint64_t id, const ReplyView& reply) {
  const auto request = pending_.find(id);
  if (request != pending_.end()) {  // else answered 504 before
    finish(request, reply.fields, std::string(reply.body), true);
  }
  send_waiting();
}

void Dispatcher::lost(size_t seat) {
  for (auto next = pending_.begin(); next != pending_.end();) {
    const auto request = next++;
    if (request->second.seat != seat) continue;
    wait(request);
    if (request->second.attempts >= max_attempts) {
      refuse(request, 503, "every replica that took this request died");
    } else {
      ++retried_;
    }
  }
  changed();
}

// Sends what waits, or answers it when there is nothing left to wait for. A trial may have begun or
// ended.
void Dispatcher::changed() {
  admission_.waiting().sort([this](uint64_t id) { return side_of(pending_.find(id)->second); });
  send_waiting();
  if (pool_.any_ready() || pool_.any_expected()) return;
  while (!admission_.waiting().empty()) {
    refuse(pending_.find(admission_.waiting().first().second.id), 503, "no replica is up");
  }
}

void Dispatcher::await_deadline() {
  if (deadlines_.empty() || deadlines_.begin()->first >= alarm_) return;
  alarm_ = deadlines_.begin()->first;
  timer_.expires_at(alarm_);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) expire();
  });
}

void Dispatcher::expire() {
  alarm_ = SteadyClock::time_point::max();
  const auto now = SteadyClock::now();
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    const auto request = pending_.find(deadlines_.begin()->second);
    const size_t seat = request->second.seat;
    refuse(request, 504,
           "no replica answered within " + std::to_string(request->second.limit.count()) + " ms");
    if (seat != nowhere) pool_.note_timeout(seat);
  }
  await_deadline();
}

}  // namespace podium::serve
