// FrontDoor: what each HTTP request gets.
//
// Answers what needs no model by itself; admits predictions, hands them to the dispatcher and
// counts them. Lives on the service's thread. Part of the service.
#pragma once

#include <boost/asio/io_context.hpp>

#include "core/log.hpp"
#include "serve/balancer/dispatcher.hpp"
#include "serve/http/http_server.hpp"
#include "serve/latency_histogram.hpp"
#include "serve/protocol/model_stats.hpp"
#include "serve/protocol/route.hpp"
#include "serve/replica/replica_pool.hpp"
#include "serve/service.hpp"

namespace podium::serve {

class FrontDoor {
 public:
  FrontDoor(boost::asio::io_context& context, const ServiceOptions& options, const Log& log);

  // Starts the replicas. Throws io_error.
  void start();

  // An HttpHandler.
  void handle(HttpRequest request, HttpRespond respond);

  ReplicaPool& pool() { return pool_; }
  bool ready() const { return !leaving_ && pool_.any_ready(); }
  // Readiness fails; requests are still accepted.
  void begin_leaving() { leaving_ = true; }
  // New requests are answered by 503.
  void begin_draining() { leaving_ = draining_ = true; }
  size_t in_flight() const { return dispatcher_.in_flight(); }
  ServiceStats stats() const;

 private:
  HttpAnswer answer_here(const Route& route, const std::string& body) const;
  HttpAnswer model_ready(const Route& route) const;
  HttpAnswer model_stats(const Route& route) const;
  HttpAnswer repository_index(const std::string& body) const;
  // Throws RequestError when the request cannot be taken now.
  void admit(const Route& route, const HttpRequest& request);
  void forward(const Route& route, HttpRequest request, HttpRespond respond);
  int retry_after(int status) const;
  HttpAnswer refusal(int status, const std::string& message) const;
  void count_answer(const ReplyFields& reply, double milliseconds);

  const ServiceOptions& options_;
  ReplicaPool pool_;
  Dispatcher dispatcher_;
  bool leaving_ = false;
  bool draining_ = false;
  LatencyHistogram latency_;
  VersionStats version_stats_;
  int64_t requests_ = 0;
  int64_t failed_ = 0;
  int64_t rejected_ = 0;
};

}  // namespace podium::serve
