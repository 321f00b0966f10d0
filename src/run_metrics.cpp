#include "run_metrics.hpp"

#include <array>
#include <ctime>
#include <numeric>
#include <vector>

#include "comm/gather.hpp"
#include "core/roles.hpp"
#include "event_table.hpp"
#include "verb_parts.hpp"
#include "version.hpp"
#include "workflow/job.hpp"
#include "workflow/training_step.hpp"

namespace podium {
namespace {

using Json = nlohmann::ordered_json;

// ISO 8601, UTC.
std::string time_now() {
  const std::time_t seconds = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text.data();
}

Json device_name(const DeviceChoice& device) {
  return device.on_gpu() ? "cuda:" + std::to_string(device.gpu) : "cpu";
}

// The ranks by what they do: by role in a `run`, else all by the verb.
Json roles_of(const std::string& verb, const std::string& asked, int ranks) {
  Json roles = Json::object();
  if (verb == "run") {
    const RoleLayout layout = RoleLayout::plan(asked, ranks);
    for (const Role role : all_roles) roles[to_string(role)] = layout.ranks(role);
  } else {
    std::vector<int> all(static_cast<size_t>(ranks));
    std::iota(all.begin(), all.end(), 0);
    roles[verb] = all;
  }
  return roles;
}

// Of one that trains, where the user has not chosen.
int threads_of(const Json& roles, const VerbContext& context) {
  if (context.settings.threads > 0) return context.settings.threads;
  const Json& trainers = roles.contains("train") ? roles.at("train") : roles.front();
  return workflow::threads_per_trainer(static_cast<int>(trainers.size()), context.mpi);
}

}  // namespace

std::unique_ptr<MetricsLog> open_metrics(bool writes, const Config& config,
                                         const workflow::Settings& settings,
                                         const Stopwatch& started, const Log& log) {
  if (!writes) return std::make_unique<MetricsLog>();
  auto metrics = std::make_unique<MetricsLog>(settings.metrics_file(), started, log);
  if (config.boolean("log.tensorboard")) {
    metrics->draw(settings.run_dir / "tensorboard", event_curves());
  }
  return metrics;
}

void tell_started(const std::string& verb, const VerbContext& context) {
  const std::unique_ptr<comm::Communicator> group = everyone(context, "started");
  const Json mine = {{"node", workflow::node_name()},
                     {"device", device_name(context.settings.device)}};
  const std::vector<std::string> all = comm::gather_texts(*group, mine.dump(), 0);
  if (group->rank() != 0) return;
  Json nodes = Json::array();
  Json devices = Json::array();
  for (const std::string& text : all) {
    const Json one = Json::parse(text);
    nodes.push_back(one.at("node"));
    devices.push_back(one.at("device"));
  }
  const Json roles = roles_of(verb, context.settings.roles, group->size());
  context.metrics.write({{"event", "started"},
                         {"verb", verb},
                         {"what", context.subject},
                         {"time", time_now()},
                         {"version", version_number()},
                         {"ranks", group->size()},
                         {"nodes", nodes},
                         {"roles", roles},
                         {"devices", devices},
                         {"threads", threads_of(roles, context)}});
}

}  // namespace podium
