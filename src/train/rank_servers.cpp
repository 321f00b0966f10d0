#include "train/rank_servers.hpp"

#include "comm/barrier.hpp"
#include "comm/broadcast.hpp"
#include "ps/mpi/rank_group.hpp"
#include "ps/rules.hpp"
#include "ps/tcp/control.hpp"

namespace podium::train {
namespace {

// What the first rank tells all others: a group of servers to be, or that there is none any more.
constexpr char serve_mark = 's';
constexpr char end_mark = 'e';

class RankServers final : public Servers {
 public:
  explicit RankServers(comm::Communicator& job) : job_(job) {}

  std::unique_ptr<ps::Worker> start(const ServersSpec& spec) override {
    comm::broadcast_text(job_, serve_mark + ps::to_text(ps::Setup{0, spec.buffers, spec.group}), 0);
    std::vector<float> state(spec.state.begin(), spec.state.end());
    comm::broadcast(job_, std::as_writable_bytes(std::span(state)), 0);
    comm::barrier(job_, job_.policy());
    return ps::join_ranks(job_, ps::KeyMap(spec.buffers, spec.group), spec.group);
  }

 private:
  comm::Communicator& job_;
};

}  // namespace

std::string serve_trainers(comm::Communicator& job, int servers) {
  while (true) {
    const std::string order = comm::broadcast_text(job, "", 0);
    if (order.front() == end_mark) return order.substr(1);
    ps::Setup setup = ps::parse_setup(std::string_view(order).substr(1));
    setup.options.servers = servers;
    std::vector<float> state(ps::KeyMap(setup.buffers, setup.options).values() *
                             ps::layers_of(setup.options.optimizer.rule));
    comm::broadcast(job, std::as_writable_bytes(std::span(state)), 0);
    comm::barrier(job, job.policy());  // no server hears of this group in the midst of another
    ps::serve_ranks(job, setup.buffers, state, setup.options);
  }
}

std::unique_ptr<Servers> make_rank_servers(comm::Communicator& job) {
  return std::make_unique<RankServers>(job);
}

void end_rank_servers(comm::Communicator& job, const std::string& word) {
  comm::broadcast_text(job, end_mark + word, 0);
}

}  // namespace podium::train
