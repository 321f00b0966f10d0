#include "serve/front_door.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/clock.hpp"
#include "core/cpu_time.hpp"
#include "serve/metrics/exposition.hpp"
#include "serve/protocol/metadata.hpp"
#include "serve/protocol/protocol.hpp"
#include "serve/protocol/request_error.hpp"

namespace podium::serve {
namespace {

using Call = Route::Call;

constexpr int retry_after_503_s = 1;

bool is_prediction(const Route& route) {
  return route.call == Call::infer || route.call == Call::predict;
}

// Calls that a replica answers.
bool is_forwarded(const Route& route) {
  return is_prediction(route) || route.call == Call::model_metadata ||
         route.call == Call::model_config;
}

// Why a request was turned away, as a label.
const char* rejection(int status, bool draining) {
  switch (status) {
    case 404:
      return "unknown";
    case 405:
      return "method";
    case 429:
      return "queue_full";
    case 503:
      return draining ? "draining" : "not_ready";
    default:
      return "invalid";
  }
}

}  // namespace

FrontDoor::FrontDoor(boost::asio::io_context& context, const ServiceOptions& options,
                     const Log& log)
    : options_(options),
      pool_(context, options, log),
      dispatcher_(context, options, pool_),
      repository_(context, options.load_timeout),
      feedback_(options.feedback),
      meters_(static_cast<size_t>(options.replicas)),
      tick_(context),
      lanes_(options.tracer) {}

void FrontDoor::start() {
  pool_.start(
      {[this](size_t seat, uint64_t id, const ReplyView& reply) {
         replied_by_ = seat;
         dispatcher_.replied(id, reply);
         replied_by_.reset();
       },
       [this](uint64_t id, const DecisionView& decision) { feedback_.decided(id, decision); },
       [this](size_t seat) { dispatcher_.lost(seat); }, [this] { dispatcher_.changed(); },
       [this](nlohmann::ordered_json event, std::chrono::nanoseconds ago) {
         timeline_.happened(std::move(event), ago);
       }});
  await_tick();
}

void FrontDoor::await_tick() {
  tick_.expires_after(Timeline::tick_length);
  tick_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    await_tick();
    look_at_timeline(false);
  });
}

void FrontDoor::look_at_timeline(bool at_once) {
  const auto up =
      std::ranges::count_if(pool_.loads(), [](const ReplicaLoad& load) { return load.ready; });
  const auto waiting = static_cast<int64_t>(dispatcher_.waiting());
  timeline_.tick({requests_, failed_, rejected_, waiting, up}, SteadyClock::now(), at_once);
}

void FrontDoor::handle(HttpRequest request, HttpRespond respond) {
  try {
    const Route route = parse_route(request.method, request.target);
    if (!route.model.empty() && route.model != options_.model_name) {
      throw RequestError(404, "no such model; there is " + options_.model_name);
    }
    if (route.call == Call::load) return load(request.body, respond);
    if (route.call == Call::feedback) return respond(take_feedback(request));
    if (!is_forwarded(route)) return respond(answer_here(route, request.body));
    admit(route, request);
    forward(route, std::move(request), std::move(respond));
  } catch (const RequestError& error) {
    meters_.rejected(rejection(error.status(), draining_));
    HttpAnswer answer = refusal(error.status(), error.what());
    answer.allow = error.allow();
    respond(std::move(answer));
  }
}

HttpAnswer FrontDoor::answer_here(const Route& route, const std::string& body) {
  HttpAnswer answer;
  switch (route.call) {
    case Call::live:
      answer.body = R"({"live":true})";
      break;
    case Call::ready:
      answer.status = ready() ? 200 : 503;
      answer.body = ready() ? R"({"ready":true})" : R"({"ready":false})";
      break;
    case Call::model_ready:
      return model_ready(route);
    case Call::metrics:
      answer.content_type = Exposition::content_type;
      answer.body = metrics_text(view());
      break;
    case Call::service_stats:
      answer.body = service_stats_body(view());
      break;
    case Call::model_stats:
      return model_stats(route);
    case Call::index:
      return repository_index(body);
    case Call::unload:
      return unload(body);
    default:
      answer.body = server_metadata_body();
      break;
  }
  return answer;
}

HttpAnswer FrontDoor::take_feedback(const HttpRequest& request) {
  if (request.fields.encoding != Encoding::identity) {
    throw RequestError(415, "feedback is not encoded");
  }
  HttpAnswer answer;
  answer.body = feedback_.take(request.body);
  return answer;
}

HttpAnswer FrontDoor::model_ready(const Route& route) const {
  if (route.version != 0 && route.version != pool_.version() &&
      route.version != pool_.version_on_trial()) {
    throw RequestError(404, "version " + std::to_string(route.version) + " is not served");
  }
  HttpAnswer answer;
  answer.status = ready() ? 200 : 503;
  answer.body =
      R"({"name":")" + options_.model_name + R"(","ready":)" + (ready() ? "true" : "false") + "}";
  return answer;
}

HttpAnswer FrontDoor::model_stats(const Route& route) const {
  const int version = route.version;
  if (version != 0 && version != pool_.version() && !version_stats_.knows(version)) {
    throw RequestError(404, "version " + std::to_string(version) + " is not served");
  }
  HttpAnswer answer;
  answer.body = model_stats_body(options_.model_name, version_stats_.of(version));
  return answer;
}

HttpAnswer FrontDoor::repository_index(const std::string& body) const {
  const bool ready_only = wants_ready_only(body);
  IndexEntry entry{options_.model_name, pool_.version(), ready(), ""};
  if (!ready()) {
    entry.reason = draining_               ? "the service is draining"
                   : !repository_.loaded() ? "unloaded"
                   : pool_.version() == 0  ? "no model is deployed yet"
                                           : "no replica is up";
  }
  HttpAnswer answer;
  answer.body =
      repository_index_body(std::span(&entry, ready_only && !entry.ready ? size_t{0} : size_t{1}));
  return answer;
}

// Answered once whoever deploys has done it.
void FrontDoor::load(const std::string& body, const HttpRespond& respond) {
  const int version = version_to_load(body);
  if (draining_) throw RequestError(503, "the service is draining");
  repository_.load(version, [this, respond](const LoadResult& result) {
    if (result.status != 200) return respond(refusal(result.status, result.error));
    HttpAnswer answer;
    answer.body = "{}";
    respond(std::move(answer));
  });
}

// What was accepted is finished.
HttpAnswer FrontDoor::unload(const std::string& body) {
  check_unload(body);
  repository_.unload();
  HttpAnswer answer;
  answer.body = "{}";
  return answer;
}

void FrontDoor::begin_draining() {
  leaving_ = draining_ = true;
  repository_.give_up({503, "the service is draining"});
}

void FrontDoor::admit(const Route& route, const HttpRequest& request) {
  if (!repository_.loaded()) {
    if (is_prediction(route)) ++rejected_;
    throw RequestError(503, "the model is unloaded; load it first");
  }
  const bool rejected = draining_ || pool_.any_ready();
  if (!draining_ && pool_.any_ready() &&
      dispatcher_.make_room(request.fields, request.body.size())) {
    return;
  }
  if (is_prediction(route) && rejected) ++rejected_;
  if (is_prediction(route) && !rejected) count_answer({503, RequestFields::absent, {}, {}}, 0);
  if (draining_) throw RequestError(503, "the service is draining; ask another one");
  if (rejected) throw RequestError(429, "the queue is full");
  throw RequestError(503, pool_.version() == 0 ? "no model is deployed yet" : "no replica is up");
}

// Takes the target, and with it the name in `route`.
void FrontDoor::forward(const Route& route, HttpRequest request, HttpRespond respond) {
  auto answered = [this, counted = is_prediction(route), watch = Stopwatch(),
                   traced = lanes_.enter(),
                   respond = std::move(respond)](const ReplyFields& fields, std::string body) {
    lanes_.leave(traced);
    if (counted) count_answer(fields, watch.milliseconds());
    HttpAnswer answer;
    answer.status = fields.status;
    answer.body = std::move(body);
    answer.json_bytes = fields.json_bytes;
    answer.encoding = fields.encoding;
    if (fields.json_bytes != RequestFields::absent)
      answer.content_type = "application/octet-stream";
    answer.close = draining_;
    answer.version = static_cast<int>(fields.cost.version);
    answer.retry_after_s = retry_after(fields.status);
    if (replied_by_ && !options_.access_log.empty()) answer.replica = pool_.name(*replied_by_);
    respond(std::move(answer));
  };
  dispatcher_.submit({request.method, request.fields, std::move(request.target),
                      std::move(request.body), request.key, request.client, route.version},
                     std::move(answered));
}

HttpAnswer FrontDoor::refusal(int status, const std::string& message) const {
  HttpAnswer answer;
  answer.status = status;
  answer.body = error_body(message);
  answer.close = draining_;
  answer.retry_after_s = retry_after(status);
  return answer;
}

// Seconds; 0: the answer says none.
int FrontDoor::retry_after(int status) const {
  if (status == 429) return dispatcher_.retry_after_s();
  return status == 503 ? retry_after_503_s : 0;
}

void FrontDoor::count_answer(const ReplyFields& reply, double milliseconds) {
  if (reply.status == 429) {  // accepted, and then turned away for a more urgent one
    ++rejected_;
    meters_.rejected("queue_full");
    return;
  }
  ++requests_;
  if (reply.status >= 500) ++failed_;
  version_stats_.add(reply, pool_.version(), static_cast<uint64_t>(milliseconds * 1e6));
  if (milliseconds <= 0) return;
  meters_.answered(reply, replied_by_, milliseconds);
  timeline_.answered(milliseconds);
}

ServiceView FrontDoor::view() const {
  ServiceView view{options_.model_name, meters_};
  view.stats = stats();
  view.versions = version_stats_.of(0);
  view.ready = ready();
  view.draining = draining_;
  view.connections = connections_();
  view.cpu_s = thread_cpu_s();
  for (const ReplicaStats& replica : view.stats.replicas) {
    view.replica_cpu_s.push_back(process_cpu_s(replica.pid));
  }
  return view;
}

ServiceStats FrontDoor::stats() const {
  ServiceStats stats;
  stats.requests = requests_;
  stats.failed = failed_;
  stats.rejected = rejected_;
  stats.retried = dispatcher_.retried();
  stats.in_flight = static_cast<int64_t>(dispatcher_.in_flight());
  stats.waiting = static_cast<int64_t>(dispatcher_.waiting());
  stats.p50_ms = meters_.all().latency.percentile(0.5);
  stats.p99_ms = meters_.all().latency.percentile(0.99);
  stats.feedback = feedback_.stats();
  pool_.report(&stats);
  return stats;
}

}  // namespace podium::serve
