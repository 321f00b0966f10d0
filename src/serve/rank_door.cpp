#include "serve/rank_door.hpp"

#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <span>

#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/random.hpp"
#include "serve/http/http_server.hpp"
#include "serve/protocol/protocol.hpp"
#include "serve/replica/frame.hpp"

namespace podium::serve {
namespace {

constexpr std::chrono::microseconds longest_sleep{200};  // while requests are under way

std::string encode_answer(uint64_t id, const HttpAnswer& answer) {
  ReplyFields fields;
  fields.status = answer.status;
  fields.json_bytes = answer.json_bytes;
  fields.encoding = answer.encoding;
  return encode_reply_head(id, fields, answer.body.size()) + answer.body;
}

std::string encode_refusal(uint64_t id, const std::string& why) {
  HttpAnswer answer;
  answer.status = 503;
  answer.body = error_body(why);
  return encode_answer(id, answer);
}

struct Asked {
  uint64_t id = 0;
  RequestView request;
};

// Empty where a message is no request: that is told, and harms nobody else.
std::optional<Asked> read(const comm::Message& message, const Log& log) {
  const std::string sender = "rank " + std::to_string(message.from);
  try {
    const Frame frame = decode_frame(message.bytes);
    if (frame.kind == FrameKind::request) return Asked{frame.id, decode_request(frame.payload)};
    log.warning(sender + " sent a frame that is no request");
  } catch (const Error& error) {
    log.warning(sender + " sent no request: " + error.what());
  }
  return {};
}

}  // namespace

// Where the service's thread leaves answers for the door's.
struct RankDoor::Outbox {
  struct Reply {
    int rank = 0;
    uint64_t id = 0;
    std::string bytes;
  };

  void put(Reply reply) {
    const std::lock_guard lock(mutex);
    replies.push_back(std::move(reply));
    filled.notify_one();
  }

  std::deque<Reply> take() {
    const std::lock_guard lock(mutex);
    return std::exchange(replies, {});
  }

  void wait_for_one() {
    std::unique_lock lock(mutex);
    filled.wait_for(lock, longest_sleep, [this] { return !replies.empty(); });
  }

  std::mutex mutex;
  std::condition_variable filled;
  std::deque<Reply> replies;
};

RankDoor::RankDoor(Service& service, comm::Communicator& group, const Log& log)
    : service_(service),
      group_(group),
      log_(log),
      outbox_(std::make_shared<Outbox>()),
      thread_([this] { run(); }) {}

RankDoor::~RankDoor() {
  stop();
}

void RankDoor::stop() {
  ending_ = true;
  if (thread_.joinable()) thread_.join();
}

void RankDoor::run() {
  Backoff backoff(Backoff::Kind::idle);
  try {
    while (!ending_) {
      const bool taken = take_request();
      const bool sent = send_replies();
      if (taken || sent) {
        backoff.reset();
      } else if (open_.empty()) {
        backoff.pause();
      } else {
        outbox_->wait_for_one();
      }
    }
  } catch (const std::exception& error) {  // of the transport, or of memory
    log_.error(std::string("ranks get no more answers: ") + error.what());
  }
}

bool RankDoor::take_request() {
  const auto message = comm::try_receive(group_, comm::any_rank, rank_tags::request);
  if (message) accept(*message);
  return message.has_value();
}

void RankDoor::accept(const comm::Message& message) {
  const std::optional<Asked> asked = read(message, log_);
  if (!asked) return;
  const RequestView& view = asked->request;
  HttpRequest request;
  request.method = view.method;
  request.fields = view.fields;
  request.target = std::string(view.target);
  request.body = std::string(view.body);
  request.key = request.client = mix64(static_cast<uint64_t>(message.from));
  open_.emplace(message.from, asked->id);
  service_.submit(std::move(request), [outbox = outbox_, rank = message.from,
                                       id = asked->id](const HttpAnswer& answer) {
    outbox->put({rank, id, encode_answer(id, answer)});
  });
}

// Returns whether there were any.
bool RankDoor::send_replies() {
  std::deque<Outbox::Reply> replies = outbox_->take();
  for (Outbox::Reply& reply : replies) {
    if (open_.erase({reply.rank, reply.id}) > 0) send(reply.rank, std::move(reply.bytes));
  }
  sent_.remove_if([](Sent& sent) { return sent.request.test(); });
  return !replies.empty();
}

void RankDoor::send(int rank, std::string bytes) {
  Sent& sent = sent_.emplace_back(Sent{std::move(bytes), {}, rank});
  sent.request = group_.isend(std::as_bytes(std::span(sent.bytes)), rank, rank_tags::reply);
}

void RankDoor::end() {
  stop();
  send_replies();
  while (const auto message = comm::try_receive(group_, comm::any_rank, rank_tags::request)) {
    if (const auto asked = read(*message, log_)) open_.emplace(message->from, asked->id);
  }
  for (const auto& [rank, id] : std::exchange(open_, {})) {
    send(rank, encode_refusal(id, "the service has ended"));
  }
  for (Sent& sent : sent_) group_.wait(sent.request, "answering a request", sent.to);
  sent_.clear();
}

}  // namespace podium::serve
