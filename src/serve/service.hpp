// Service: the front door of a serving rank, an HTTP/1.1 listener before N replica processes.
//
// The listener reads a request, the balancer picks a replica, and the raw body goes to it over a
// Unix socket (frame.hpp); the replica parses, computes and words the reply (replica.hpp). A
// replica that dies is restarted and its unanswered requests go to another one, so that no client
// sees its death. Endpoints, limits and failure behaviour: docs/serving.md.
//
// Threads: a Service owns one thread, on which all sockets and timers live; it sleeps when nothing
// arrives. All member functions may be called from any thread.
//
// Invariant: a replica takes requests only while it serves the service's current version. Every
// replica swaps between two requests of its socket, and all swaps are sent at one moment; so a
// client that saw a version never sees an older one, unless it was rolled back from a trial, or
// somebody ordered to load the older one.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/log.hpp"
#include "core/trace.hpp"
#include "serve/balancer/balancer.hpp"
#include "serve/balancer/outlier_watch.hpp"
#include "serve/feedback/feedback_desk.hpp"
#include "serve/replica/canary.hpp"
#include "serve/replica/health.hpp"

namespace podium::serve {

struct HttpRequest;  // http/http_server.hpp
struct HttpAnswer;
struct Happening;  // metrics/timeline.hpp

struct ServiceOptions {
  std::string model_name = "model";  // in the URLs, /v2/models/NAME
  std::string address = "127.0.0.1";
  int port = 0;  // 0 takes a free one
  int replicas = 2;
  Policy policy = Policy::round_robin;
  int max_batch = 64;                                 // images a replica computes at once
  std::chrono::milliseconds batch_delay{0};           // longest wait for a fuller batch
  size_t queue_limit = 1024;                          // accepted, unanswered requests; more get 429
  size_t queue_bytes = size_t{512} << 20;             // their bodies together; more get 429
  std::chrono::milliseconds request_timeout{10'000};  // then 504

  // Further arguments for a replica: it runs `__replica OPTIONS... replica_arguments...`.
  std::vector<std::string> replica_arguments;
  std::string replica_prefix = "replica-";  // "server_replica" in replies: prefix and index

  size_t max_header_bytes = size_t{16} << 10;  // then 431
  size_t max_body_bytes = size_t{64} << 20;    // then 413
  size_t max_connections = 1024;               // then 503
  std::chrono::milliseconds header_timeout{10'000};
  std::chrono::milliseconds body_timeout{30'000};
  std::chrono::milliseconds idle_timeout{120'000};  // of a kept connection between requests

  HealthLimits health;                         // `stuck` is for 64 images; a larger max_batch adds
  std::chrono::milliseconds slow_start{1000};  // in which a replica comes to its full share
  OutlierRules outliers;
  CanaryOptions canary;                     // how new versions are tried out
  std::string token;                        // that requests must show, but for health; empty: none
  std::string tls_certificate, tls_key;     // PEM files; empty: plain HTTP
  std::string access_log;                   // file for JSON lines; empty: none
  size_t max_connections_per_client = 512;  // from one address; then 503
  size_t min_body_rate = size_t{16} << 10;  // bytes/s; body_timeout is what comes on top

  int join_port = -1;  // for replicas of other jobs, on `address`; 0 takes a free one, -1: none
  std::string join_secret;
  bool standby = false;  // wait until `port` is free, with warm replicas, instead of giving up

  size_t replica_queue = 0;  // requests that a replica holds at a time; 0: twice max_batch
  std::chrono::milliseconds batch_target_p99{0};  // batches that hold it; 0: as big as max_batch
  std::chrono::milliseconds grace{0};  // of drain(): unready, and requests are still accepted
  FeedbackOptions feedback;
  std::chrono::milliseconds load_timeout{120'000};  // of a client's order to load; then 504
  Tracer* tracer = nullptr;  // of this process, which outlives the service; null: no trace
  int rank = 0;              // of the job, for the names of replicas in the trace
};

struct DeployResult {
  bool deployed = false;
  int version = 0;
  int replicas = 0;    // that serve the version
  double seconds = 0;  // from the call to the swap
  std::string error;   // why not; the previous version goes on serving
};

// A client's order to load the model, and what came of it, as HTTP has it.
struct LoadOrder {
  uint64_t ticket = 0;
  int version = 0;  // 0: the newest
};
struct LoadResult {
  int status = 200;
  std::string error;  // unless 200
};

struct ReplicaStats {
  enum class State { starting, ready, down };
  State state = State::starting;
  pid_t pid = -1;
  int version = 0;  // 0: none yet
  int64_t requests = 0;
  int64_t in_flight = 0;
  int64_t restarts = 0;
  std::string name;  // "server_replica" in replies
  bool ejected = false;
  bool joined = false;  // of another job
};

// Counters of prediction requests (infer and predict) since the start.
struct ServiceStats {
  int64_t requests = 0;  // answered, with any status
  int64_t failed = 0;    // of these, answered 5xx
  int64_t rejected = 0;  // 429, or 503 while draining or unloaded; not in `requests`
  int64_t retried = 0;   // sent again because a replica died
  int64_t restarts = 0;  // replicas started anew
  int64_t swaps = 0;     // deployments that replaced a version
  double swap_ms = 0;    // longest swap: from the first replica told to the last one's answer
  int64_t in_flight = 0;
  int64_t waiting = 0;  // of these, for a replica to take them
  double p50_ms = 0;    // from the request read to its reply ready, within 4 %
  double p99_ms = 0;
  int version = 0;  // current; 0 before the first deployment
  std::vector<ReplicaStats> replicas;
  int64_t ejections = 0;    // of replicas that answered worse than the others
  int64_t canaries = 0;     // versions that were tried out
  int64_t rolled_back = 0;  // of these, not kept
  FeedbackStats feedback;
};

class Service {
 public:
  // Binds the port, or as a standby waits for it, and starts the replicas, which have no model yet.
  // Throws unavailable_error when the address or port cannot be had, io_error when a replica cannot
  // be started.
  Service(const ServiceOptions& options, const Log& log);
  // Closes all connections and ends the replicas; drain() first to lose no request.
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  // The port that is listened on; 0 while this is a standby.
  int port() const;
  // Where replicas of other jobs join (join_door.hpp); 0 while that is nowhere.
  int join_port() const;

  // Makes all live replicas load `path` as `version`, and swaps all of them once each is ready.
  // Waits at most `timeout`. On failure of any replica nothing changes. A replica that starts later
  // loads the newest version by itself before it takes requests. With options.canary, the version
  // is tried out first, which takes up to options.canary.time more; one that is rolled back is not
  // deployed. Gives up when `*stop` becomes true.
  // REQUIRES: version > 0 and greater than the current one.
  DeployResult deploy(const std::string& path, int version, std::chrono::milliseconds timeout,
                      const std::atomic<bool>* stop = nullptr);

  // deploy() of what a client ordered: without a trial, and `version` may be older than the current
  // one. REQUIRES: it is not the current one.
  DeployResult load(const std::string& path, int version, std::chrono::milliseconds timeout,
                    const std::atomic<bool>* stop = nullptr);

  // A client's order that nobody has taken yet. Who takes it says what came of it, within
  // options.load_timeout; the model is then loaded again if it was unloaded before. Costs next to
  // nothing when there is none.
  std::optional<LoadOrder> take_load_order();
  void finish_load(const LoadOrder& order, const LoadResult& result);

  // Takes a request that did not come over HTTP (rank_door.hpp), and answers it as if it had.
  // `respond` is called once, on the service's thread; not at all when the service ends before.
  void submit(HttpRequest request, std::function<void(HttpAnswer)> respond);

  // True when at least one replica serves, the model is not unloaded, and the service is not
  // draining (/v2/health/ready).
  bool ready() const;

  ServiceStats stats() const;

  // What happened since the last call (metrics/timeline.hpp); after drain(), to its end.
  std::vector<Happening> take_happenings();

  // Fails readiness and goes on accepting for `options.grace`; then answers new requests with 503
  // and finishes the accepted ones within `timeout`; then closes the listener and every connection.
  // Cuts all that short once `*now` is true. Returns false if requests were unanswered.
  bool drain(std::chrono::milliseconds timeout, const std::atomic<bool>* now = nullptr);

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace podium::serve
