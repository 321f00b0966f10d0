#include "search/theta_servers.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "ps/rules.hpp"

namespace podium::search {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::chrono::seconds patience{30};  // of a controller, for a server

ps::GroupOptions group_options(int servers, const AdamOptions& adam) {
  ps::GroupOptions options;
  options.servers = servers;
  options.replicas = servers > 1 ? 1 : 0;
  options.consistency = ps::Consistency::asp;
  options.optimizer.rule = ps::Rule::adam;
  options.optimizer.lr = static_cast<float>(adam.lr);
  options.optimizer.beta1 = static_cast<float>(adam.beta1);
  options.optimizer.beta2 = static_cast<float>(adam.beta2);
  options.optimizer.epsilon = static_cast<float>(adam.epsilon);
  options.patience = patience;
  return options;
}

std::vector<ps::NamedSize> sizes_of(const Controller& controller) {
  std::vector<ps::NamedSize> sizes;
  for (const nn::BufferInfo& buffer : controller.buffers()) {
    sizes.push_back({buffer.name, buffer.count});
  }
  return sizes;
}

class ServedTheta final : public ThetaStore {
 public:
  explicit ServedTheta(std::unique_ptr<ps::Worker> worker) : worker_(std::move(worker)) {}

  void pull(std::span<float> theta) override { worker_->pull_all(theta); }
  void push(std::span<const float> gradient) override {
    worker_->push_all(gradient);
    worker_->tick();
  }

 private:
  std::unique_ptr<ps::Worker> worker_;
};

}  // namespace

ThetaServers::ThetaServers(const MethodOptions& method, const AdamOptions& adam, const Space& space,
                           int servers, Log log)
    : options_(group_options(servers, adam)), log_(std::move(log)) {
  if (method.name != "reinforce") return;
  const Controller controller(space, method.reinforce.controller);
  buffers_ = sizes_of(controller);
  theta_ = controller.initial(method.seed);
}

void ThetaServers::start(const Json& state) {
  if (theta_.empty()) return;
  if (!state.is_null()) {
    auto read = state.get<std::vector<float>>();
    if (!ps::is_beginning(read.size(), theta_.size(), options_.optimizer.rule)) {
      throw data_error("the checkpoint has the parameters of another controller", "search",
                       "delete it to start anew");
    }
    theta_ = std::move(read);
  }
  ps::ServerGroup::Options options;
  options.group = options_;
  options.log = log_;
  group_.emplace(buffers_, theta_, options);
}

Json ThetaServers::ticket() {
  if (!group_) return {};
  return {{"group", group_->ticket()}, {"worker", workers_++}, {"servers", options_.servers}};
}

Json ThetaServers::state() {
  return group_ ? Json(group_->state()) : Json();
}

std::unique_ptr<ThetaStore> join_theta(const Json& ticket, const MethodOptions& method,
                                       const AdamOptions& adam, const Space& space) {
  if (ticket.is_null()) return nullptr;
  const ps::GroupOptions options = group_options(ticket.at("servers"), adam);
  const ps::KeyMap map(sizes_of(Controller(space, method.reinforce.controller)), options);
  return std::make_unique<ServedTheta>(
      ps::join_group(ticket.at("group").get<std::string>(), ticket.at("worker"), map, options));
}

}  // namespace podium::search
