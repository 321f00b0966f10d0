#include "learn/hub.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>

#include "ckpt/engine/peers.hpp"
#include "core/error.hpp"
#include "core/sockets.hpp"
#include "core/text.hpp"
#include "learn/hub_guests.hpp"
#include "ps/tcp/socket.hpp"

namespace podium::learn {
namespace {

using Milliseconds = std::chrono::milliseconds;

constexpr Milliseconds between_looks{500};  // at who was silent, and what is overdue
constexpr Milliseconds stall{60'000};       // of a peer that takes nothing of what is sent

std::pair<FileDescriptor, ps::Address> listen(const std::string& at) {
  try {
    return ps::listen_at(at);
  } catch (const Error& error) {
    throw Error(error.code(), "explorers cannot be listened for at '" + at + "'", "--learn.listen",
                "write HOST:PORT of this machine, with a port that is free");
  }
}

}  // namespace

struct Hub::State {
  State(HubOptions given, WeightsOut& weights, Log log)
      : options(std::move(given)),
        road(weights),
        desk(options.desk),
        guests(options, address.secret, road, desk, log),
        wake_up(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!wake_up) throw io_error("cannot make an event", "eventfd", errno);
    auto [socket, place] = listen(options.listen);
    listener = std::move(socket);
    address = {place.text(), make_secret()};
    thread = std::thread([this] { run(); });
  }
  ~State() {
    ending = true;
    wake();
    thread.join();
  }

  void wake() const {
    const uint64_t one = 1;
    if (::write(wake_up.get(), &one, sizeof one) < 0) return;  // it is awake already
  }

  void run() {
    try {
      while (!ending) turn();
    } catch (...) {
      const std::lock_guard hold(lock);
      failure = std::current_exception();
      changed.notify_all();
    }
  }

  void turn();
  void accept_all();
  void look_around();
  // What has happened is acted on: explorers are told, trainers awake.
  void act() {
    guests.deliver();
    changed.notify_all();
  }

  const HubOptions options;
  WeightsOut& road;
  HubAddress address;
  FileDescriptor listener;

  mutable std::mutex lock;  // of what follows
  std::condition_variable changed;
  Desk desk;
  HubGuests guests;
  SteadyClock::time_point looked;
  SteadyClock::time_point seen = SteadyClock::now();  // when an explorer was last there
  std::exception_ptr failure;

  FileDescriptor wake_up;
  std::atomic<bool> ending{false};
  std::thread thread;  // last: it uses what is above
};

// Waits for something to come, and takes it.
void Hub::State::turn() {
  std::vector<pollfd> entries = {{wake_up.get(), POLLIN, 0}, {listener.get(), POLLIN, 0}};
  std::vector<HubGuests::Guest*> asked;
  {
    const std::lock_guard hold(lock);
    for (HubGuests::Guest& guest : guests.all()) {
      const short events = guest.wire->has_unsent() ? POLLIN | POLLOUT : POLLIN;
      entries.push_back({guest.wire->descriptor(), events, 0});
      asked.push_back(&guest);  // only this thread takes them away
    }
  }
  ::poll(entries.data(), entries.size(), static_cast<int>(between_looks.count()));
  uint64_t times = 0;
  if (entries[0].revents != 0 && ::read(wake_up.get(), &times, sizeof times) < 0) times = 0;
  const std::lock_guard hold(lock);
  if (entries[1].revents != 0) accept_all();
  for (size_t i = 0; i < asked.size(); ++i) {
    if (entries[i + 2].revents != 0 && asked[i]->wire->open()) guests.serve(*asked[i]);
  }
  guests.bury();
  look_around();
  act();
}

void Hub::State::accept_all() {
  while (FileDescriptor socket = ps::accept_from(listener)) {
    ps::tune(socket, options.silence, stall);
    guests.add(std::move(socket));
  }
}

void Hub::State::look_around() {
  const auto now = SteadyClock::now();
  if (guests.ready() > 0) seen = now;
  if (now < looked + between_looks) return;
  looked = now;
  desk.expire(hub_time());
}

Hub::Hub(HubOptions options, WeightsOut& weights, Log log)
    : state_(std::make_unique<State>(std::move(options), weights, std::move(log))) {}
Hub::~Hub() = default;

const HubAddress& Hub::address() const {
  return state_->address;
}

std::optional<Task> Hub::next(Milliseconds wait) {
  std::unique_lock hold(state_->lock);
  const auto end = SteadyClock::now() + wait;
  while (true) {
    if (state_->failure) std::rethrow_exception(state_->failure);
    if (std::optional<Task> task = state_->desk.next_task(hub_time())) {
      state_->guests.deliver();
      state_->wake();  // it looks after what could not be sent at once
      return task;
    }
    if (state_->guests.all_down()) {
      throw unavailable_error("every explorer died again and again", "podium learn",
                              "see why in the lines above");
    }
    if (state_->seen + state_->options.patience < SteadyClock::now()) {
      throw unavailable_error(
          format("the trainers wait for experiences, and no explorer was there for %.0f s",
                 std::chrono::duration<double>(state_->options.patience).count()),
          "podium learn", "see why in the lines above");
    }
    if (state_->changed.wait_until(hold, end) == std::cv_status::timeout) return {};
  }
}

void Hub::trained(uint64_t batch) {
  const std::lock_guard hold(state_->lock);
  state_->desk.trained(batch);
  state_->act();
  state_->wake();
}

void Hub::publish(const Version& version, std::span<const float> parameters) {
  const std::lock_guard hold(state_->lock);  // nobody says that it has them before they are known
  state_->road.publish(version, parameters);
  state_->guests.set_weights(version, parameters);
  if (version != state_->desk.newest()) state_->desk.published(version);
  state_->act();
  state_->wake();
}

std::vector<float> Hub::weights() const {
  const std::lock_guard hold(state_->lock);
  const std::span<const float> weights = state_->guests.weights();
  return {weights.begin(), weights.end()};
}

bool Hub::stop_wanted() const {
  const std::lock_guard hold(state_->lock);
  return state_->guests.stop_wanted();
}

uint64_t Hub::updates() const {
  const std::lock_guard hold(state_->lock);
  return state_->desk.updates();
}

Version Hub::newest() const {
  const std::lock_guard hold(state_->lock);
  return state_->desk.newest();
}

DeskReport Hub::report() const {
  const std::lock_guard hold(state_->lock);
  return state_->desk.report();
}

ExplorerReport Hub::explorers() const {
  const std::lock_guard hold(state_->lock);
  return state_->guests.report();
}

void Hub::end() {
  const std::lock_guard hold(state_->lock);
  state_->guests.end();
  state_->wake();
}

void Hub::save(const std::filesystem::path& folder) const {
  const std::lock_guard hold(state_->lock);
  state_->desk.save(folder, hub_time());
}

void Hub::load(const std::filesystem::path& folder) {
  const std::lock_guard hold(state_->lock);
  state_->desk.load(folder, hub_time());
}

}  // namespace podium::learn
