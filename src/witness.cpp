#include "witness.hpp"

#include <chrono>

namespace podium {
namespace {

namespace fs = std::filesystem;

const char* const command = "__witness";
constexpr std::chrono::seconds send_limit{2};

Json to_json(const WitnessOrder& order) {
  Json ranks = Json::array();
  for (const SeenRank& seen : order.ranks) {
    ranks.push_back({{"rank", seen.rank}, {"process", seen.process}, {"roles", seen.roles}});
  }
  return {{"run_dir", order.run_dir.string()},
          {"job", order.job},
          {"node", order.node},
          {"turn", order.turn},
          {"started_ns", order.started_ns},
          {"launcher", order.launcher},
          {"ranks", std::move(ranks)}};
}

}  // namespace

Witness::Witness(const WitnessOrder& order) : process_(WorkerProcess::start({command})) {
  channel_ = Channel(process_->take_socket(), most_message_bytes);
  channel_.send(to_json(order), send_limit);
}

// One that has not read the word yet, having just begun, is not waited for.
void Witness::dismiss() {
  if (!process_) return;
  channel_.send({{"ended", true}}, send_limit);
  process_.reset();
}

bool is_witness_command(const std::vector<std::string>& arguments) {
  return arguments.size() == 1 && arguments.front() == command;
}

WitnessOrder witness_order_from(const Json& json) {
  WitnessOrder order{json.at("run_dir").get<std::string>(),
                     json.at("job"),
                     json.at("node"),
                     json.at("turn"),
                     json.at("started_ns"),
                     json.at("launcher"),
                     {}};
  for (const Json& seen : json.at("ranks")) {
    order.ranks.push_back({seen.at("rank"), seen.at("process"), seen.at("roles")});
  }
  return order;
}

fs::path log_folder(const fs::path& run_dir) {
  return run_dir / "log";
}

fs::path job_mark(const fs::path& run_dir) {
  return log_folder(run_dir) / "job";
}

}  // namespace podium
