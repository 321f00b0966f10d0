// FrontDoor: what each HTTP request gets.
//
// Answers what needs no model by itself; admits predictions, hands them to the dispatcher and
// counts them. Lives on the service's thread. Part of the service.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <optional>

#include "core/log.hpp"
#include "serve/balancer/dispatcher.hpp"
#include "serve/feedback/feedback_desk.hpp"
#include "serve/http/http_server.hpp"
#include "serve/metrics/meters.hpp"
#include "serve/metrics/pages.hpp"
#include "serve/metrics/request_lanes.hpp"
#include "serve/metrics/timeline.hpp"
#include "serve/protocol/model_stats.hpp"
#include "serve/protocol/route.hpp"
#include "serve/replica/replica_pool.hpp"
#include "serve/repository.hpp"
#include "serve/service.hpp"

namespace podium::serve {

class FrontDoor {
 public:
  FrontDoor(boost::asio::io_context& context, const ServiceOptions& options, const Log& log);

  // Starts the replicas. Throws io_error.
  void start();
  // Whom to ask how many connections are open. REQUIRES: called before requests come.
  void count_connections(std::function<size_t()> count) { connections_ = std::move(count); }

  // An HttpHandler.
  void handle(HttpRequest request, HttpRespond respond);

  ReplicaPool& pool() { return pool_; }
  Repository& repository() { return repository_; }
  bool ready() const { return !leaving_ && repository_.loaded() && pool_.any_ready(); }
  // Readiness fails; requests are still accepted.
  void begin_leaving() { leaving_ = true; }
  // New requests are answered by 503.
  void begin_draining();
  size_t in_flight() const { return dispatcher_.in_flight(); }
  ServiceStats stats() const;
  // Any thread may take from it.
  Timeline& timeline() { return timeline_; }
  // Ends the timeline's interval, whatever is left of it.
  void end_interval() { look_at_timeline(true); }

 private:
  HttpAnswer answer_here(const Route& route, const std::string& body);
  HttpAnswer take_feedback(const HttpRequest& request);
  HttpAnswer model_ready(const Route& route) const;
  HttpAnswer model_stats(const Route& route) const;
  ServiceView view() const;
  HttpAnswer repository_index(const std::string& body) const;
  void load(const std::string& body, const HttpRespond& respond);
  HttpAnswer unload(const std::string& body);
  // Throws RequestError when the request cannot be taken now.
  void admit(const Route& route, const HttpRequest& request);
  void forward(const Route& route, HttpRequest request, HttpRespond respond);
  int retry_after(int status) const;
  HttpAnswer refusal(int status, const std::string& message) const;
  void count_answer(const ReplyFields& reply, double milliseconds);
  void look_at_timeline(bool at_once);
  void await_tick();

  const ServiceOptions& options_;
  ReplicaPool pool_;
  Dispatcher dispatcher_;
  Repository repository_;
  FeedbackDesk feedback_;
  bool leaving_ = false;
  bool draining_ = false;
  Meters meters_;
  Timeline timeline_;
  boost::asio::steady_timer tick_;  // of the timeline
  RequestLanes lanes_;
  std::optional<size_t> replied_by_;  // the seat whose answer passes now
  std::function<size_t()> connections_ = [] { return size_t{0}; };
  VersionStats version_stats_;
  int64_t requests_ = 0;
  int64_t failed_ = 0;
  int64_t rejected_ = 0;
};

}  // namespace podium::serve
