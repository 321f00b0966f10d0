#include "serve_settings.hpp"

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "core/error.hpp"
#include "io/files/atomic_file.hpp"
#include "schema.hpp"
#include "serve/client/client.hpp"
#include "value_lists.hpp"

namespace podium {
namespace {

constexpr int different_requests = 16;
constexpr std::chrono::seconds patience{10};  // for a server to tell which images it takes

bench::Pace pace_of(const Config& config) {
  bench::Pace pace;
  pace.p99_ms = config.real("bench.p99_ms");
  const std::string rates = config.text("bench.rates");
  if (rates == "half") return pace;
  if (rates == "search") {
    pace.kind = bench::Pace::Kind::search;
    return pace;
  }
  pace.kind = bench::Pace::Kind::given;
  pace.rates = positive_list(config, "bench.rates");
  if (pace.rates.empty()) {
    throw usage_error("there is no rate", "bench.rates",
                      "give requests per second, half or search");
  }
  return pace;
}

bench::LoadOptions load_options(const Config& config) {
  bench::LoadOptions load;
  load.clients = static_cast<int>(config.integer("bench.clients"));
  load.arrivals = bench::parse_arrivals(config.text("bench.arrivals"));
  load.burst = static_cast<int>(config.integer("bench.burst"));
  load.connections = static_cast<int>(config.integer("bench.connections"));
  load.threads = static_cast<int>(config.integer("bench.load_threads"));
  load.seconds = config.real("bench.seconds");
  load.seed = static_cast<uint64_t>(config.integer("train.seed"));
  load.timeout = std::chrono::milliseconds(config.integer("bench.timeout_ms"));
  return load;
}

// Height, width and channels as the metadata of the server's model tell them.
bench::AskedImages shape_of(const serve::HostPort& server, const std::string& path,
                            const serve::Credentials& credentials) {
  const std::string metadata = path.substr(0, path.rfind("/infer"));
  const serve::HttpReply reply =
      serve::Client(server.host, server.port, patience, credentials).request("GET", metadata);
  const auto json = nlohmann::json::parse(reply.body, nullptr, false);
  try {
    const auto& shape = json.at("inputs").at(0).at("shape");
    const auto side = [&shape](size_t dimension, int most) {
      const auto value = shape.at(dimension).get_ref<const nlohmann::json::number_integer_t&>();
      if (value < 1 || value > most) throw std::out_of_range("shape");
      return static_cast<int>(value);
    };
    return {1, side(1, 4096), side(2, 4096), side(3, 4)};
  } catch (const std::exception&) {
    throw unavailable_error("the server does not tell which images it takes (status " +
                                std::to_string(reply.status) + ")",
                            metadata, "name its model by --serve.model, or give --bench.body");
  }
}

}  // namespace

bench::ServeBenchOptions serve_bench_options(const Config& config,
                                             const workflow::Settings& settings, const Log& log) {
  bench::ServeBenchOptions options;
  options.cases = split_list(config.text("bench.cases"));
  bench::check_cases(options.cases);
  options.kinds = split_list(config.text("bench.request"));
  for (const std::string& kind : options.kinds) {
    if (kind == "json" || kind == "binary") continue;
    throw usage_error("there is no request of kind '" + kind + "'", "bench.request",
                      "use json, binary, or both by a comma");
  }
  if (options.kinds.empty())
    throw usage_error("there is no kind of request", "bench.request", "use json, binary, or both");
  options.load = load_options(config);
  options.pace = pace_of(config);
  options.images = static_cast<int>(config.integer("bench.images"));
  options.service_ms = static_cast<int>(config.integer("bench.service_ms"));
  options.repetitions = static_cast<int>(config.integer("bench.repetitions"));
  options.service = settings.service;
  options.log = log;
  return options;
}

bench::LoadTarget load_target(const Config& config, const workflow::Settings& settings,
                              const bench::ServeBenchOptions& options) {
  const serve::HostPort server =
      serve::parse_host_port(config.text("bench.server"), "--bench.server");
  const bool chosen = config.text("bench.cases") != find_option("bench.cases")->default_value;
  if (chosen && options.cases != std::vector<std::string>{"load"}) {
    throw usage_error("of a running server only the case load is measured", "--bench.cases",
                      "leave it out, or leave out --bench.server");
  }
  const serve::Credentials credentials = serve::credentials_of(
      config.text("bench.token_file"), settings.token_file, config.text("bench.tls_ca"));
  bench::PostHeaders headers;
  headers.host = config.text("bench.server");
  headers.path = config.text("bench.path");
  headers.content_type = config.text("bench.content_type");
  headers.token = credentials.token;
  if (headers.path.empty()) headers.path = "/v2/models/" + options.service.model_name + "/infer";
  const std::string body = config.text("bench.body");
  if (!body.empty()) {
    return {
        server.host, server.port, {bench::post(headers, io::read_text_file(body))}, credentials};
  }
  bench::AskedImages images = shape_of(server, headers.path, credentials);
  images.n = options.images;
  return {
      server.host, server.port,
      bench::infer_requests(headers, images, options.kinds.back() == "binary", different_requests),
      credentials};
}

top::TopOptions top_options(const Config& config, const workflow::Settings& settings) {
  std::string server = config.text("top.server");
  const bool own = server.empty();  // the service of this configuration
  if (own) {
    if (config.integer("serve.port") == 0) {
      throw usage_error("the service took a free port", "serve.port",
                        "give --server=HOST:PORT, as it said when it started");
    }
    server = config.text("serve.address") + ":" + std::to_string(config.integer("serve.port"));
  }
  const serve::HostPort place = serve::parse_host_port(server, "--top.server");
  top::TopOptions options;
  options.host = place.host;
  options.port = place.port;
  options.credentials = serve::credentials_of(config.text("top.token_file"), settings.token_file,
                                              config.text("top.tls_ca"));
  if (own && !options.credentials.tls && !settings.service.tls_certificate.empty()) {
    options.credentials.tls = options.credentials.any_name = true;
    options.credentials.trusted = settings.service.tls_certificate;
  }
  options.interval = std::chrono::milliseconds(config.integer("top.interval_ms"));
  options.count = static_cast<int>(config.integer("top.count"));
  return options;
}

}  // namespace podium
