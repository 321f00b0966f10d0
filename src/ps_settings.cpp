#include "ps_settings.hpp"

#include "core/error.hpp"
#include "schema.hpp"

namespace podium {
namespace {

ps::Consistency consistency_of(const std::string& text) {
  if (text == "ssp") return ps::Consistency::ssp;
  return text == "asp" ? ps::Consistency::asp : ps::Consistency::bsp;
}

ps::Encoding encoding_of(const std::string& text) {
  if (text == "fp16") return ps::Encoding::fp16;
  return text == "bf16" ? ps::Encoding::bf16 : ps::Encoding::fp32;
}

// A bound that nobody would keep to, or none where one is needed.
void check_staleness(const ps::GroupOptions& options, const std::string& consistency) {
  const bool bounded = options.consistency == ps::Consistency::ssp;
  if (bounded == (options.staleness > 0)) return;
  if (bounded) {
    throw usage_error("ssp needs a bound on staleness", "ps.staleness",
                      "use for instance --ps.staleness=4, or --ps.consistency=bsp");
  }
  throw usage_error("only ssp has a bound on staleness, not " + consistency, "ps.staleness",
                    "leave it out, or use --ps.consistency=ssp");
}

}  // namespace

ps::GroupOptions server_options(const Config& config) {
  ps::GroupOptions options;
  options.servers = static_cast<int>(config.integer("ps.servers"));
  options.replicas = static_cast<int>(config.integer("ps.replicas"));
  options.consistency = consistency_of(config.text("ps.consistency"));
  options.staleness = static_cast<uint64_t>(config.integer("ps.staleness"));
  options.split_values = config.bytes("ps.split") / sizeof(float);
  options.filters.encoding = encoding_of(config.text("ps.filter.encoding"));
  options.filters.significance = static_cast<float>(config.real("ps.filter.significance"));
  options.filters.key_caching = config.boolean("ps.filter.key_caching");
  options.patience = std::chrono::seconds(config.integer("comm.timeout_s"));
  if (options.replicas >= options.servers) {
    throw usage_error(std::to_string(options.replicas) + " backups of each range need more than " +
                          std::to_string(options.servers) + " servers",
                      "ps.replicas", "use more --ps.servers, or fewer backups");
  }
  check_staleness(options, config.text("ps.consistency"));
  return options;
}

train::PsOptions ps_training_options(const Config& config, const std::string& verb) {
  train::PsOptions options;
  options.group = server_options(config);
  options.shared_memory = config.boolean("ps.shared_memory");
  options.trainers = static_cast<int>(config.integer("ps.trainers"));
  if (options.trainers > 0 && verb == "bench") {
    throw usage_error("`bench` compares ranks that train themselves", "ps.trainers",
                      "leave it out");
  }
  if (config.text("ps.transport") != "mpi") return options;
  options.transport = train::PsOptions::Transport::mpi;
  if (options.trainers > 0) {
    throw usage_error("trainers that are processes do not reach servers that are ranks",
                      "ps.trainers", "leave it out, or use --ps.transport=tcp");
  }
  if (options.group.replicas > 0) {
    throw usage_error("servers that are ranks end with their job: backups would save nothing",
                      "ps.replicas", "leave it out, or use --ps.transport=tcp");
  }
  if (verb == "run") {
    throw usage_error("the ranks of `run` have other roles than parameter servers", "ps.transport",
                      "use --ps.transport=tcp, or `podium train`");
  }
  return options;
}

std::string unused_server_option(const std::string& verb, const Config& config) {
  const std::string sync = config.text("train.sync");
  if (verb != "search" && sync == "ps") return {};
  for (const OptionSpec& option : option_schema()) {
    if (section_of(option.key) != "ps" || !config.is_set(option.key)) continue;
    return "--" + option.key + " is ignored: " +
           (verb == "search" ? "a search has as many servers as --roles says"
                             : "parameter servers train with --train.sync=ps, this is " + sync);
  }
  return {};
}

}  // namespace podium
