#include "service_settings.hpp"

#include <charconv>
#include <chrono>

#include "ckpt/registry.hpp"
#include "core/error.hpp"
#include "core/sockets.hpp"

namespace podium {
namespace {

// Seconds, or "forever".
void set_linger(const std::string& text, workflow::Settings* settings) {
  if (text == "forever") {
    settings->linger_forever = true;
    return;
  }
  int seconds = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, seconds);
  if (error != std::errc() || stop != end || seconds < 0) {
    throw usage_error("'" + text + "' does not fit serve.linger", "serve.linger",
                      "write seconds, or forever");
  }
  settings->linger = std::chrono::seconds(seconds);
}

// The name in the service's URLs: --serve.model, else the data set's.
std::string served_name(const Config& config) {
  const std::string given = config.text("serve.model");
  const std::string source = config.text("io.source");
  if (given.empty()) return ckpt::is_model_name(source) ? source : "podium";
  // /v2/models/stats is a path of its own.
  if (ckpt::is_model_name(given) && given != "stats") return given;
  throw usage_error("'" + given + "' does not fit serve.model", "serve.model",
                    "use letters, digits, '_' and '-', but not stats");
}

// REQUIRES: the options of the service are set.
void set_learner(const Config& config, const std::string& verb, workflow::Settings* settings) {
  settings->learner = config.text("serve.learner");
  settings->learner_every = std::chrono::seconds(config.integer("serve.learner_every_s"));
  if (settings->learner.empty()) return;
  if (verb != "serve") {
    throw usage_error("only `serve` learns from feedback", "--serve.learner",
                      "start it as a job of its own");
  }
  if (settings->service.feedback.memory == 0) {
    throw usage_error("a learner without feedback", "--serve.learner",
                      "give --serve.feedback_memory too, and --serve.explore=true");
  }
  if (!settings->engine.join.empty() || !settings->join_service.empty()) {
    throw usage_error("a service has its models from one place", "--serve.learner",
                      "leave out --engine.join and --serve.join");
  }
}

serve::ServiceOptions service_options(const Config& config) {
  serve::ServiceOptions options;
  options.model_name = served_name(config);
  options.address = config.text("serve.address");
  options.port = static_cast<int>(config.integer("serve.port"));
  options.replicas = static_cast<int>(config.integer("serve.replicas"));
  options.policy = serve::parse_policy(config.text("serve.policy"));
  options.queue_limit = static_cast<size_t>(config.integer("serve.queue"));
  options.request_timeout = std::chrono::milliseconds(config.integer("serve.timeout_ms"));
  options.max_batch = static_cast<int>(config.integer("serve.max_batch"));
  options.batch_delay = std::chrono::milliseconds(config.integer("serve.batch_delay_ms"));
  options.health.silence = std::chrono::milliseconds(config.integer("serve.health_ms"));
  options.health.stuck = std::chrono::milliseconds(config.integer("serve.stuck_ms"));
  options.slow_start = std::chrono::milliseconds(config.integer("serve.slow_start_ms"));
  options.feedback.memory = static_cast<size_t>(config.integer("serve.feedback_memory"));
  options.feedback.explore = config.boolean("serve.explore");
  if (options.feedback.explore && options.feedback.memory == 0) {
    throw usage_error("classes that are drawn teach nothing without feedback", "--serve.explore",
                      "give --serve.feedback_memory too");
  }
  options.canary.share = config.real("serve.canary");
  options.canary.time = std::chrono::seconds(config.integer("serve.canary_s"));
  options.canary.requests = config.integer("serve.canary_requests");
  options.join_port = static_cast<int>(config.integer("serve.join_port"));
  if (options.join_port >= 0) options.join_secret = make_secret();
  options.standby = config.boolean("serve.standby");
  options.batch_target_p99 = std::chrono::milliseconds(config.integer("serve.batch_target_p99_ms"));
  options.replica_queue = static_cast<size_t>(config.integer("serve.replica_queue"));
  options.grace = std::chrono::milliseconds(config.integer("serve.grace_ms"));
  options.tls_certificate = config.text("serve.tls_cert");
  options.tls_key = config.text("serve.tls_key");
  options.access_log = config.text("serve.access_log");
  options.max_connections = static_cast<size_t>(config.integer("serve.connections"));
  options.max_connections_per_client =
      static_cast<size_t>(config.integer("serve.client_connections"));
  return options;
}

// Of the token that requests must show; empty: none.
std::filesystem::path token_file(const Config& config, const std::filesystem::path& run_dir) {
  if (config.text("serve.auth") == "off") return {};
  const std::string given = config.text("serve.token_file");
  return given.empty() ? run_dir / "serve.token" : std::filesystem::path(given);
}

}  // namespace

void set_service(const Config& config, const std::string& verb, workflow::Settings* settings) {
  settings->service = service_options(config);
  settings->join_service = config.text("serve.join");
  if (verb != "serve" && (settings->service.standby || !settings->join_service.empty())) {
    throw usage_error("only `serve` stands by, or joins another service",
                      settings->service.standby ? "--serve.standby" : "--serve.join",
                      "start it as a job of its own");
  }
  set_learner(config, verb, settings);
  settings->token_file = token_file(config, settings->run_dir);
  settings->drain = std::chrono::seconds(config.integer("serve.drain_s"));
  set_linger(config.text("serve.linger"), settings);
}

}  // namespace podium
