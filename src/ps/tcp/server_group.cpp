#include "ps/tcp/server_group.hpp"

#include <atomic>
#include <thread>

#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/sockets.hpp"
#include "ps/rules.hpp"
#include "ps/tcp/group_keeper.hpp"
#include "ps/tcp/tcp_link.hpp"

namespace podium::ps {
namespace {

using Milliseconds = std::chrono::milliseconds;

constexpr Milliseconds turn{20};
constexpr Milliseconds beginning{30'000};
constexpr Milliseconds report_limit{1000};

ServerGroup::Options with_secret(ServerGroup::Options options) {
  if (options.secret.empty()) options.secret = make_secret();
  if (options.secret.find_first_of(" \n") != std::string::npos || options.secret.size() > 256) {
    throw usage_error("the secret of parameter servers has blanks, or more than 256 letters",
                      "ServerGroup", "take another");
  }
  return options;
}

// Waits until `done`, with the group's thread at work: whether it is.
template <typename Done>
bool wait_until(Milliseconds limit, Done done) {
  const Deadline deadline(limit);
  Backoff backoff(Backoff::Kind::idle);
  while (!done()) {
    if (deadline.expired()) return false;
    backoff.pause();
  }
  return true;
}

}  // namespace

struct ServerGroup::State {
  State(std::vector<NamedSize> buffers, std::span<const float> state, Options options)
      : keeper(std::move(buffers), state, with_secret(std::move(options))),
        thread([this] { run(); }) {}
  ~State() {
    ending = true;
    keeper.wake();
    thread.join();
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void run() {
    try {
      while (!ending) keeper.turn(turn);
    } catch (const Error& error) {
      // The servers go on with the roster that they have.
      keeper.options().log.error(std::string("the parameter servers are watched no more: ") +
                                 error.what());
    }
  }

  // As an observer: it waits for nobody.
  std::vector<float> read(size_t layers) const {
    std::vector<float> values(layers * keeper.map().values());
    Worker worker(observer, keeper.map(), keeper.options().group,
                  tcp_connect(keeper.ticket().wire()), [this] { return keeper.roster(); });
    worker.pull_state(values);
    return values;
  }

  GroupKeeper keeper;
  std::atomic<bool> ending{false};
  std::thread thread;
};

ServerGroup::ServerGroup(std::vector<NamedSize> buffers, std::span<const float> state,
                         Options options)
    : state_(std::make_unique<State>(std::move(buffers), state, std::move(options))) {
  const GroupKeeper& keeper = state_->keeper;
  const bool begun = wait_until(beginning, [&] { return keeper.complete() || keeper.failed(); });
  if (begun && !keeper.failed()) return;
  throw unavailable_error(keeper.failed() ? "a parameter server dies as soon as it starts"
                                          : "the parameter servers did not start within 30 s",
                          keeper.ticket().address, "see what they say on standard error");
}

ServerGroup::~ServerGroup() = default;

std::string ServerGroup::ticket() const {
  return state_->keeper.ticket().text();
}

Roster ServerGroup::roster() const {
  return state_->keeper.roster();
}

int ServerGroup::pid(int server) const {
  return state_->keeper.pid(server);
}

int ServerGroup::restarts() const {
  return state_->keeper.restarts();
}

ServerReport ServerGroup::report() const {
  state_->keeper.ask_for_reports();
  state_->keeper.wake();
  ServerReport sum;
  wait_until(report_limit, [&] {
    size_t answered = 0;
    size_t alive = 0;
    for (const Roster::Server& server : roster().servers) alive += server.alive ? 1 : 0;
    sum = state_->keeper.report(&answered);
    return answered == alive && !state_->keeper.asks();
  });
  return sum;
}

std::vector<float> ServerGroup::theta() {
  return state_->read(1);
}

std::vector<float> ServerGroup::state() {
  return state_->read(layers_of(state_->keeper.options().group.optimizer.rule));
}

}  // namespace podium::ps
