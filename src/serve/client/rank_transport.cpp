#include "serve/client/rank_transport.hpp"

#include "core/clock.hpp"
#include "core/random.hpp"
#include "serve/http/request_fields.hpp"
#include "serve/protocol/protocol.hpp"
#include "serve/protocol/request_error.hpp"
#include "serve/rank_door.hpp"
#include "serve/replica/frame.hpp"

namespace podium::serve {
namespace {

Method method_of(std::string_view text) {
  if (text == "GET") return Method::get;
  return text == "POST" ? Method::post : Method::other;
}

RequestFields fields_of(std::span<const HttpHeader> headers) {
  boost::beast::http::fields fields;
  for (const HttpHeader& header : headers) fields.set(header.name, header.value);
  return request_fields(fields);
}

HttpReply reply_of(const Frame& frame) {
  const ReplyView view = decode_reply(frame.payload);
  HttpReply reply;
  reply.status = view.fields.status;
  reply.keep_alive = true;
  reply.encoding = to_string(view.fields.encoding);
  if (view.fields.json_bytes != RequestFields::absent) {
    reply.json_bytes = static_cast<size_t>(view.fields.json_bytes);
  }
  reply.body = std::string(view.body);
  return reply;
}

}  // namespace

// Ids begin anywhere: late answers to a transport that this rank had before are none to this one.
RankTransport::RankTransport(comm::Communicator& group, int server,
                             std::chrono::milliseconds timeout)
    : group_(group),
      server_(server),
      timeout_(timeout),
      last_id_(mix64(static_cast<uint64_t>(SteadyClock::now().time_since_epoch().count()))) {}

HttpReply RankTransport::exchange(std::string_view method, std::string_view target,
                                  std::string body, std::span<const HttpHeader> headers) {
  RequestFields fields;
  try {
    fields = fields_of(headers);
  } catch (const RequestError& error) {  // as the service would answer
    HttpReply refusal;
    refusal.status = error.status();
    refusal.body = error_body(error.what());
    return refusal;
  }
  const uint64_t id = ++last_id_;
  Sent& sent = sent_.emplace_back();
  sent.bytes = encode_request_head(id, method_of(method), fields, target, body.size()) + body;
  sent.request = group_.isend(std::as_bytes(std::span(sent.bytes)), server_, rank_tags::request);
  HttpReply reply = await(id);
  group_.wait(sent.request, "sending a request", server_);
  std::erase_if(sent_, [](Sent& earlier) { return earlier.request.test(); });
  return reply;
}

// Answers to requests whose time was over are passed by.
HttpReply RankTransport::await(uint64_t id) {
  const Deadline late(timeout_);
  Backoff backoff(Backoff::Kind::hot);
  while (true) {
    if (const auto message = comm::try_receive(group_, server_, rank_tags::reply)) {
      const Frame frame = decode_frame(message->bytes);
      if (frame.id == id) return reply_of(frame);
      continue;
    }
    if (late.expired()) {
      throw unavailable("the service did not answer within " + std::to_string(timeout_.count()) +
                        " ms");
    }
    backoff.pause();
  }
}

Error RankTransport::unavailable(const std::string& why) const {
  return unavailable_error(why,
                           "rank " + std::to_string(server_) + " of group '" + group_.name() + "'",
                           "check that this rank serves, and has a model");
}

}  // namespace podium::serve
