#include "train/servers.hpp"

#include <optional>

#include "comm/allreduce/topology.hpp"
#include "comm/broadcast.hpp"
#include "core/error.hpp"
#include "ps/tcp/server_group.hpp"

namespace podium::train {
namespace {

class ServerProcesses final : public Servers {
 public:
  ServerProcesses(comm::Communicator& group, bool shared_memory, Log log)
      : group_(group), shared_memory_(shared_memory), log_(std::move(log)) {}

  std::unique_ptr<ps::Worker> start(const ServersSpec& spec) override {
    require(!servers_, "the servers run already", "ServerProcesses::start");
    const std::string listen = listening_for(group_);
    std::string ticket;
    if (group_.rank() == 0) {
      ps::ServerGroup::Options options;
      options.group = spec.group;
      options.shared_memory = shared_memory_;
      options.log = log_;
      options.listen = listen;
      servers_.emplace(spec.buffers, spec.state, std::move(options));
      ticket = servers_->ticket();
    }
    ticket = comm::broadcast_text(group_, ticket, 0);
    return ps::join_group(ticket, static_cast<uint32_t>(group_.rank()),
                          ps::KeyMap(spec.buffers, spec.group), spec.group);
  }

  int restarts() const override { return servers_ ? servers_->restarts() : 0; }

 private:
  comm::Communicator& group_;
  const bool shared_memory_;
  Log log_;
  std::optional<ps::ServerGroup> servers_;  // on the first trainer, from start() on
};

}  // namespace

std::string listening_for(comm::Communicator& group) {
  const bool one_node = comm::find_topology(group, comm::node_name()).nodes.size() == 1;
  return one_node ? "127.0.0.1:0" : "*:0";
}

std::unique_ptr<Servers> make_server_processes(comm::Communicator& group, bool shared_memory,
                                               const Log& log) {
  return std::make_unique<ServerProcesses>(group, shared_memory, log);
}

}  // namespace podium::train
