#include "serve/service.hpp"

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <future>
#include <mutex>
#include <optional>
#include <thread>

#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/precedence.hpp"
#include "core/text.hpp"
#include "serve/front_door.hpp"
#include "serve/http/http_server.hpp"
#include "serve/protocol/protocol.hpp"
#include "serve/replica/join_door.hpp"

namespace podium::serve {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr auto thread_patience = 60s;  // for the service's thread to take up a call
constexpr auto goodbye = 300ms;        // in which clients that still send are told to go
constexpr auto last_words = 2s;        // for connections to end after the last answer
constexpr std::chrono::milliseconds look_for_stop{50};

long long milliseconds(std::chrono::milliseconds time) {
  return static_cast<long long>(time.count());
}

void check(const ServiceOptions& options) {
  const auto refuse = [](const char* key, const std::string& range) {
    throw usage_error(std::string(key) + " is out of range", key, "use " + range);
  };
  if (options.replicas < 1) refuse("--serve.replicas", "1 or more");
  if (options.max_batch < 1) refuse("--serve.max_batch", "1 or more");
  if (options.port < 0 || options.port > 65535) refuse("--serve.port", "0 to 65535");
  if (!(options.canary.share >= 0 && options.canary.share <= 0.5)) {
    refuse("--serve.canary", "0 to 0.5");
  }
  if (options.standby && options.port == 0) {
    refuse("--serve.port", "a port; a standby waits for it");
  }
  if (options.join_port > 65535) refuse("--serve.join_port", "-1 to 65535");
  if (options.join_port >= 0) {
    require(!options.join_secret.empty(), "the join port needs a secret", "Service");
  }
  if (options.max_body_bytes > (size_t{1} << 30)) refuse("max_body_bytes", "at most 1 GiB");
  if (options.tls_certificate.empty() != options.tls_key.empty()) {
    throw usage_error("TLS takes a certificate and its key", "--serve.tls_cert",
                      "give both --serve.tls_cert and --serve.tls_key, or none");
  }
  if (options.max_header_bytes > 65000) refuse("max_header_bytes", "at most 65000");
}

}  // namespace

class Service::Implementation {
 public:
  Implementation(const ServiceOptions& options, const Log& log)
      : options_(options),
        log_(log),
        context_(1),
        working_(asio::make_work_guard(context_)),
        door_(context_, options_, log),
        server_(context_, options_, log_, [this](HttpRequest request, HttpRespond respond) {
          door_.handle(std::move(request), std::move(respond));
        }) {
    door_.count_connections([this] { return server_.connections(); });
    door_.start();
    server_.start([this] { let_join(); });
    thread_ = std::thread([this] { run(); });
  }

  ~Implementation() {
    context_.stop();
    thread_.join();
  }

  int port() {
    return ask([this] { return server_.port(); });
  }
  int join_port() {
    return ask([this] { return joining_ ? joining_->port() : 0; });
  }

  bool ready() {
    return ask([this] { return door_.ready(); });
  }
  ServiceStats stats() {
    return ask([this] { return door_.stats(); });
  }

  std::vector<Happening> take_happenings() { return door_.timeline().take(); }

  DeployResult deploy(const std::string& path, int version, ReplicaPool::Why why_now,
                      std::chrono::milliseconds timeout, const std::atomic<bool>* stop) {
    const std::lock_guard lock(deploying_);
    const auto promise = std::make_shared<std::promise<DeployResult>>();
    std::future<DeployResult> result = promise->get_future();
    asio::post(context_, [this, promise, path, version, why_now] {
      door_.pool().deploy(version, path, why_now,
                          [promise](const DeployResult& done) { promise->set_value(done); });
    });
    const bool tried_out = why_now == ReplicaPool::Why::published && options_.canary.share > 0;
    const std::string why =
        wait_for_deployment(result, timeout + (tried_out ? options_.canary.time : 0ms), stop);
    if (!why.empty()) {
      ask([this, why] {
        door_.pool().abandon_deployment(why);
        return true;
      });
    }
    const DeployResult done = result.get();
    log_deployment(done);
    return done;
  }

  std::optional<LoadOrder> take_load_order() { return door_.repository().take_order(); }
  void finish_load(const LoadOrder& order, const LoadResult& result) {
    ask([this, order, result] {
      door_.repository().finish(order, result);
      return true;
    });
  }

  // As a session does it (http/http_session.hpp): whatever goes wrong, there is one answer.
  void submit(HttpRequest request, HttpRespond respond) {
    const auto open = std::make_shared<HttpRespond>(std::move(respond));
    const auto once = [open](HttpAnswer answer) {
      if (*open) std::exchange(*open, nullptr)(std::move(answer));
    };
    const auto refuse = [once](int status, const std::string& why) {
      HttpAnswer answer;
      answer.status = status;
      answer.body = error_body(why);
      once(std::move(answer));
    };
    asio::post(context_, [this, request = std::move(request), once, refuse]() mutable {
      if (request.body.size() > options_.max_body_bytes) {
        return refuse(413, "a body may have " + std::to_string(options_.max_body_bytes) + " bytes");
      }
      try {
        door_.handle(std::move(request), once);
      } catch (const std::exception& failure) {
        refuse(500, failure.what());
      }
    });
  }

  bool drain(std::chrono::milliseconds timeout, const std::atomic<bool>* now) {
    const auto never = [] { return false; };
    ask([this] {
      door_.begin_leaving();
      return true;
    });
    wait_until(Deadline(options_.grace), now, never);
    ask([this] {
      door_.begin_draining();
      return true;
    });
    const auto answered = [this] { return door_.in_flight() == 0; };
    const bool finished = wait_until(Deadline(timeout), now, answered);
    // Clients that still send learn it by 503 with Connection: close, not by a reset.
    wait_until(Deadline(goodbye), now, never);
    ask([this] {
      server_.stop_listening();
      return true;
    });
    const auto quiet = [this] { return server_.busy_connections() == 0; };
    if (finished) wait_until(Deadline(last_words), now, quiet);
    ask([this] {
      server_.close_connections();
      door_.end_interval();
      return true;
    });
    return finished;
  }

 private:
  // Empty once the deployment is over; else why it is to be given up.
  static std::string wait_for_deployment(const std::future<DeployResult>& result,
                                         std::chrono::milliseconds timeout,
                                         const std::atomic<bool>* stop) {
    const Deadline late(timeout);
    while (result.wait_for(std::min(look_for_stop, timeout)) != std::future_status::ready) {
      if (stop && *stop) return "the service ends";
      if (late.expired()) return format("it was not ready within %lld ms", milliseconds(timeout));
    }
    return {};
  }

  // Once this service has the port, replicas of other jobs may join it.
  void let_join() {
    if (options_.standby) log_.info("has taken over port " + std::to_string(options_.port));
    if (options_.join_port < 0) return;
    joining_.emplace(
        context_, options_.address, options_.join_port, options_.join_secret,
        [this](ReplicaLink::Socket socket, const std::string& name) {
          return door_.pool().join(std::move(socket), name);
        },
        log_);
  }

  // A failure, for instance of memory, costs the request at hand, which then meets its timeout.
  void run() {
    start_at_once();
    while (true) {
      try {
        context_.run();
        return;
      } catch (const std::exception& failure) {
        log_.error(std::string("the service goes on after a failure: ") + failure.what());
      }
    }
  }

  // Runs `question` on the service's thread and returns its answer.
  template <typename Question>
  auto ask(Question question) -> decltype(question()) {
    using Answer = decltype(question());
    const auto promise = std::make_shared<std::promise<Answer>>();
    std::future<Answer> answer = promise->get_future();
    asio::post(context_, [promise, question] { promise->set_value(question()); });
    if (answer.wait_for(thread_patience) != std::future_status::ready) {
      throw internal_error("the service's thread does not answer", "Service");
    }
    return answer.get();
  }

  // Returns whether `condition` came true, before the deadline and before `*now` did.
  template <typename Condition>
  bool wait_until(const Deadline& deadline, const std::atomic<bool>* now, Condition condition) {
    Backoff backoff(Backoff::Kind::idle);
    while (!ask(condition)) {
      if (deadline.expired() || (now && *now)) return false;
      backoff.pause();
    }
    return true;
  }

  void log_deployment(const DeployResult& done) const {
    const std::string what = "version " + std::to_string(done.version);
    if (done.deployed) {
      log_.info(what + " is served by " + std::to_string(done.replicas) + " replicas");
    } else {
      log_.warning(what + " was not deployed: " + done.error);
    }
  }

  const ServiceOptions options_;
  const Log log_;
  asio::io_context context_;
  asio::executor_work_guard<asio::io_context::executor_type> working_;
  FrontDoor door_;
  HttpServer server_;
  std::optional<JoinDoor> joining_;
  std::mutex deploying_;
  std::thread thread_;
};

Service::Service(const ServiceOptions& options, const Log& log) {
  check(options);
  implementation_ = std::make_unique<Implementation>(options, log);
}

Service::~Service() = default;

int Service::port() const {
  return implementation_->port();
}
int Service::join_port() const {
  return implementation_->join_port();
}
bool Service::ready() const {
  return implementation_->ready();
}
ServiceStats Service::stats() const {
  return implementation_->stats();
}

DeployResult Service::deploy(const std::string& path, int version,
                             std::chrono::milliseconds timeout, const std::atomic<bool>* stop) {
  return implementation_->deploy(path, version, ReplicaPool::Why::published, timeout, stop);
}
DeployResult Service::load(const std::string& path, int version, std::chrono::milliseconds timeout,
                           const std::atomic<bool>* stop) {
  return implementation_->deploy(path, version, ReplicaPool::Why::ordered, timeout, stop);
}

std::vector<Happening> Service::take_happenings() {
  return implementation_->take_happenings();
}

std::optional<LoadOrder> Service::take_load_order() {
  return implementation_->take_load_order();
}
void Service::finish_load(const LoadOrder& order, const LoadResult& result) {
  implementation_->finish_load(order, result);
}

void Service::submit(HttpRequest request, std::function<void(HttpAnswer)> respond) {
  implementation_->submit(std::move(request), std::move(respond));
}

bool Service::drain(std::chrono::milliseconds timeout, const std::atomic<bool>* now) {
  return implementation_->drain(timeout, now);
}

}  // namespace podium::serve
