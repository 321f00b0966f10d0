#include "ps/worker.hpp"

#include <algorithm>
#include <string>
#include <thread>
#include <utility>

#include "core/clock.hpp"
#include "core/error.hpp"

namespace podium::ps {
namespace {

using std::chrono::milliseconds;

// How long a worker looks at one link while it waits for several; for one alone.
constexpr milliseconds short_look{1};
constexpr milliseconds long_look{20};
// Between two tries to reach a server that cannot be.
constexpr milliseconds pause_between_tries{20};
constexpr milliseconds connect_limit{2000};

uint64_t microseconds_since_1970() {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(
                                   std::chrono::system_clock::now().time_since_epoch())
                                   .count());
}

int64_t now_ms() {
  return std::chrono::duration_cast<milliseconds>(SteadyClock::now().time_since_epoch()).count();
}

}  // namespace

struct Worker::State {
  State(uint32_t number, KeyMap map, const GroupOptions& group, Connect way, Look look_at)
      : options(group),
        connect(std::move(way)),
        look(std::move(look_at)),
        links(static_cast<size_t>(map.servers())),
        machine(number, std::move(map), group, microseconds_since_1970(), look()) {
    roster = look();
  }

  GroupOptions options;
  Connect connect;
  Look look;
  std::vector<std::unique_ptr<Link>> links;  // by server; null: not connected
  Roster roster;
  int64_t next_try_ms = 0;
  bool trouble = false;  // a server cannot be reached
  double waited_s = 0;
  WorkerMachine machine;

  void wait(Ticket ticket) {
    wait_until([&] { return machine.done(ticket); }, ticket);
  }
  template <typename Done>
  void wait_until(Done done, Ticket ticket);
  void depart();
  bool receive_all();
  void receive_from_next(int server, milliseconds patience);
  bool take(int server, milliseconds patience);
  Link* link_to(int server);
  void close(int server);
  void look_around();
  void check_held() const;
  [[noreturn]] void give_up(Ticket ticket) const;
};

// The link to a server, made where there is none; null: it cannot be reached now.
Link* Worker::State::link_to(int server) {
  std::unique_ptr<Link>& link = links[static_cast<size_t>(server)];
  if (link && link->open()) return link.get();
  link.reset();
  if (trouble && now_ms() < next_try_ms) return nullptr;
  const auto s = static_cast<size_t>(server);
  if (s >= roster.servers.size()) return nullptr;
  try {
    link = connect(roster.servers[s].address, std::min(connect_limit, options.patience));
    link->set_place([this](const Header& header) { return machine.place(header); });
  } catch (const Error&) {
    link.reset();  // the roster will say who answers instead, or that it is back
  }
  return link.get();
}

// What was sent there goes again, once it is reached again.
void Worker::State::close(int server) {
  links[static_cast<size_t>(server)].reset();
  machine.lost(server);
}

void Worker::State::depart() {
  while (const WorkerMachine::Departure next = machine.next_departure(now_ms())) {
    if (next.again) {  // by a new link: the old one may still read what it sends
      close(next.server);
      machine.found(next.server);
      continue;
    }
    Link* link = link_to(next.server);
    if (link != nullptr) link->send(*next.message);
    if (link == nullptr || !link->open()) {
      close(next.server);
      trouble = true;
      next_try_ms = now_ms() + pause_between_tries.count();
    }
  }
}

bool Worker::State::take(int server, milliseconds patience) {
  Link* link = links[static_cast<size_t>(server)].get();
  if (link == nullptr) return false;
  const auto message = link->receive(patience);
  if (message) {
    machine.received(*message, now_ms());
    return true;
  }
  if (!link->open()) {
    close(server);
    trouble = true;
    next_try_ms = 0;
  }
  return false;
}

bool Worker::State::receive_all() {
  bool any = false;
  for (size_t s = 0; s < links.size(); ++s) {
    while (take(static_cast<int>(s), milliseconds(0))) any = true;
  }
  return any;
}

// After trouble, or a word of another view: who is there, and again to those who are.
void Worker::State::look_around() {
  const Roster newest = look();
  if (newest.view >= roster.view) roster = newest;
  check_held();
  const bool moved = machine.see(roster);
  for (size_t s = 0; s < links.size(); ++s) {
    const int server = static_cast<int>(s);
    if (moved && links[s]) close(server);
    machine.found(server);
  }
  trouble = false;
}

// What no server holds any more will not come back.
void Worker::State::check_held() const {
  std::vector<bool> usable;
  for (const Roster::Server& server : roster.servers) {
    usable.push_back(server.alive && server.current);
  }
  for (int home = 0; home < machine.map().servers(); ++home) {
    if (machine.map().serving(home, usable) >= 0) continue;
    const int backups = machine.map().replicas();
    throw unavailable_error(
        "the values of parameter server " + std::to_string(home) + " are lost: it died, and " +
            (backups == 0   ? "has no backup"
             : backups == 1 ? "its backup with it"
                            : "all of its " + std::to_string(backups) + " backups with it"),
        "parameter servers",
        backups == 0 ? "start again, with backups (--ps.replicas) to survive that"
                     : "start again; more --ps.replicas survive more deaths at once");
  }
}

void Worker::State::give_up(Ticket ticket) const {
  const int server = machine.waits_for(ticket);
  throw unavailable_error(
      "worker " + std::to_string(machine.number()) + " has waited " +
          std::to_string(
              std::chrono::duration_cast<std::chrono::seconds>(options.patience).count()) +
          " s for " + (server < 0 ? "a server" : "server " + std::to_string(server)) +
          " to answer a " + machine.operation_of(ticket),
      "parameter servers", "see whether a server or a worker has stopped");
}

template <typename Done>
void Worker::State::wait_until(Done done, Ticket ticket) {
  depart();
  if (done()) return;
  const Stopwatch watch;
  Deadline deadline(options.patience);
  size_t turn = 0;
  while (!done()) {
    bool heard = receive_all();
    if (!heard && !done()) {
      const int server = machine.waits_for(ticket);
      const bool alone = links.size() == 1;
      if (server >= 0 && links[static_cast<size_t>(server)]) {
        heard = take(server, alone ? long_look : short_look);
      } else {
        // Nobody to listen to: another link in turn, which sleeps as well.
        if (server < 0 && !std::exchange(trouble, true)) {
          next_try_ms = now_ms() + pause_between_tries.count();
        }
        std::unique_ptr<Link>& other = links[turn++ % links.size()];
        if (other) heard = take(static_cast<int>((turn - 1) % links.size()), short_look);
        if (!other) std::this_thread::sleep_for(short_look);
      }
    }
    if (heard) deadline = Deadline(options.patience);
    if (deadline.expired()) give_up(ticket);
    machine.elapse(now_ms());
    if (machine.wants_roster() || (trouble && now_ms() >= next_try_ms)) look_around();
    depart();
  }
  waited_s += watch.seconds();
}

Worker::Worker(uint32_t number, KeyMap map, const GroupOptions& options, Connect connect, Look look)
    : state_(std::make_unique<State>(number, std::move(map), options, std::move(connect),
                                     std::move(look))) {
  state_->wait_until([&] { return state_->machine.joined(); }, 1);
}

Worker::~Worker() = default;

uint32_t Worker::number() const {
  return state_->machine.number();
}
uint64_t Worker::clock() const {
  return state_->machine.clock();
}
size_t Worker::values() const {
  return state_->machine.map().values();
}

Worker::Ticket Worker::push(std::span<const float> values, size_t first,
                            const PushOptions& options) {
  const Slice slice{first, values};
  return push(std::span(&slice, 1), options);
}

Worker::Ticket Worker::pull(std::span<float> values, size_t first) {
  const Room room{first, values};
  return pull(std::span(&room, 1));
}

Worker::Ticket Worker::push_pull(std::span<const float> values, std::span<float> result,
                                 size_t first, const PushOptions& options) {
  const Ticket ticket = state_->machine.push_pull({first, values}, {first, result}, options);
  state_->depart();
  return ticket;
}

Worker::Ticket Worker::push(std::span<const Slice> slices, const PushOptions& options) {
  const Ticket ticket = state_->machine.push(slices, options);
  state_->depart();
  return ticket;
}

Worker::Ticket Worker::pull(std::span<const Room> rooms) {
  const Ticket ticket = state_->machine.pull(rooms);
  state_->depart();
  return ticket;
}

Worker::Ticket Worker::push(const Rows& rows, std::span<const float> values,
                            const PushOptions& options) {
  const Ticket ticket = state_->machine.push(rows, values, options);
  state_->depart();
  return ticket;
}

Worker::Ticket Worker::pull(const Rows& rows, std::span<float> values) {
  const Ticket ticket = state_->machine.pull(rows, values);
  state_->depart();
  return ticket;
}

void Worker::wait(Ticket ticket) {
  state_->wait(ticket);
}

void Worker::wait_all() {
  while (const Ticket oldest = state_->machine.oldest_open()) state_->wait(oldest);
}

void Worker::pull_state(std::span<float> state) {
  const size_t values = this->values();
  for (size_t layer = 0; layer * values < state.size(); ++layer) {
    const Room room{0, state.subspan(layer * values, values)};
    state_->machine.pull(std::span(&room, 1), layer);
  }
  state_->depart();
  wait_all();
}

void Worker::tick() {
  wait_all();
  state_->machine.tick();
  state_->depart();
}

void Worker::step(std::span<const float> gradients, std::span<float> theta,
                  const PushOptions& options) {
  wait_all();
  state_->wait(state_->machine.step(gradients, theta, options));
}

void Worker::leave() {
  wait_all();
  state_->wait(state_->machine.leave());
}

WorkerReport Worker::report() const {
  WorkerReport report = state_->machine.report();
  report.waited_s = state_->waited_s;
  return report;
}

}  // namespace podium::ps
