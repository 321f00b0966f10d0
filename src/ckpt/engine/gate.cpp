#include "ckpt/engine/gate.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/sockets.hpp"

namespace podium::ckpt::engine {
namespace {

using Milliseconds = std::chrono::milliseconds;

constexpr Milliseconds manners{1000};  // for a newcomer to say who it is

FileDescriptor listen_on(const std::string& name) {
  FileDescriptor socket = listen_inside_node(name);
  if (!socket) {
    throw io_error("cannot listen for inference workers", "local socket " + name, errno);
  }
  return socket;
}

}  // namespace

Gate::Gate(std::string name, const Segment& segment)
    : name_(std::move(name)),
      segment_(segment),
      listener_(listen_on(name_)),
      stop_(::eventfd(0, EFD_CLOEXEC)),
      thread_([this] { run(); }) {}

Gate::~Gate() {
  const uint64_t one = 1;
  static_cast<void>(::write(stop_.get(), &one, sizeof one));
  thread_.join();
}

void Gate::greet_with(Json greeting) {
  const std::lock_guard lock(mutex_);
  greeting_ = std::move(greeting);
}

// --- on the gate's thread
// -------------------------------------------------------------------------

void Gate::run() {
  std::vector<pollfd> watched;
  std::vector<int> ended;
  while (true) {
    watched = {{stop_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
    for (const auto& member : all()) {
      watched.push_back({member->pulse.get(), POLLRDHUP, 0});
    }
    ::poll(watched.data(), watched.size(), 500);
    if (watched[0].revents != 0) return;
    ended.clear();
    for (size_t i = 2; i < watched.size(); ++i) {
      if (watched[i].revents != 0) ended.push_back(watched[i].fd);
    }
    bury(ended);
    if (watched[1].revents != 0) let_in();
  }
}

// Who has gone touches its seat no more: the next one may have it.
void Gate::bury(const std::vector<int>& ended) {
  const std::lock_guard lock(mutex_);
  for (const auto& member : members_) {
    if (std::ranges::count(ended, member->pulse.get()) == 0) continue;
    member->gone = true;
    segment_.seat(member->seat).state = SeatState::free;
    segment_.ring();
  }
  std::erase_if(members_, [](const auto& member) { return member->gone.load(); });
}

void Gate::let_in() {
  FileDescriptor socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!socket || !is_own_user(socket)) return;
  Channel channel(std::move(socket), most_first_message_bytes);
  FileDescriptor memory;
  const std::optional<Json> hello = channel.receive(manners, &memory);
  if (!hello) return;
  if (text_in(*hello, "role") == "shard") {
    return keep_shard(std::move(channel), *hello, std::move(memory));
  }
  channel.accept_up_to(most_message_bytes);
  admit(std::move(channel), *hello);
}

// A rank has a shard that workers read where it lies; without a descriptor, none any more.
void Gate::keep_shard(Channel channel, const Json& told, FileDescriptor memory) {
  if (!told.contains("rank") || !told["rank"].is_number_integer()) return;
  const int rank = told["rank"];
  Shard shard{std::move(memory), 0};
  if (shard.memory) shard.bytes = Block::size_of(shard.memory);
  {
    const std::lock_guard lock(mutex_);
    if (shard.memory) {
      shards_[rank] = std::move(shard);
    } else {
      shards_.erase(rank);
    }
  }
  channel.send({{"kept", rank}}, manners);
}

void Gate::admit(Channel channel, const Json& hello) {
  const std::lock_guard lock(mutex_);
  Json welcome = greeting_;
  if (text_in(hello, "role") != "worker") {
    channel.send(welcome, manners, segment_.descriptor());
    return;
  }
  size_t seat = 0;
  while (seat < most_seats && segment_.seat(seat).state != SeatState::free) ++seat;
  if (seat == most_seats) return;
  welcome["seat"] = seat;
  FileDescriptor pulse(::fcntl(channel.descriptor(), F_DUPFD_CLOEXEC, 0));
  if (!pulse || !channel.send(welcome, manners, segment_.descriptor())) return;
  segment_.seat(seat).state = SeatState::joined;
  auto member = std::make_shared<Member>();
  member->channel = std::move(channel);
  member->pulse = std::move(pulse);
  member->seat = seat;
  member->name = text_in(hello, "name");
  members_.push_back(std::move(member));
}

// --- on the thread of who leads
// -------------------------------------------------------------------

Gate::Members Gate::all() const {
  const std::lock_guard lock(mutex_);
  return members_;
}

Gate::Members Gate::members(SeatState state) const {
  Members found = all();
  std::erase_if(found, [&](const auto& member) {
    return member->gone.load() || segment_.seat(member->seat).state != state;
  });
  return found;
}

size_t Gate::wait_for(size_t workers, Milliseconds limit) const {
  const Deadline deadline(limit);
  Backoff backoff(Backoff::Kind::idle);
  while (members(SeatState::joined).size() < workers && !deadline.expired()) backoff.pause();
  return members(SeatState::joined).size();
}

// The descriptors of the shards follow the order, each with a message of its own.
void Gate::send_order(Member& member, const Json& order, Milliseconds limit) {
  member.channel.send(order, limit);
  const std::lock_guard lock(mutex_);
  for (const auto& [rank, shard] : shards_) {
    member.channel.send(
        {{"rank", rank}, {"memory", Block::number_of(shard.memory)}, {"bytes", shard.bytes}}, limit,
        shard.memory.get());
  }
}

Gate::Beginning Gate::begin(Json message, uint64_t first, Milliseconds limit) {
  const auto end = SteadyClock::now() + limit;
  {
    const std::lock_guard lock(mutex_);
    message["shards"] = shards_.size();
  }
  const Members invited = members(SeatState::joined);
  for (const auto& member : invited) {
    Seat& seat = segment_.seat(member->seat);
    seat.next = first;
    SeatState joined = SeatState::joined;
    seat.state.compare_exchange_strong(joined, SeatState::taking);
    send_order(*member, message, left_until(end));
  }
  Beginning beginning;
  for (const auto& member : invited) {
    const std::optional<Json> answer = member->channel.receive(left_until(end));
    if (!answer) segment_.drop(member->seat);  // gone, or too slow: the others go on
    if (!answer) continue;
    if (answer->contains("error")) {
      beginning.error = member->name + ": " + text_in(*answer, "error");
    }
    beginning.holds.push_back(answer->value("holds", uint64_t{0}));
  }
  return beginning;
}

size_t Gate::taking() const {
  return members(SeatState::taking).size();
}

std::vector<Gate::Outcome> Gate::collect(Milliseconds limit) {
  const auto end = SteadyClock::now() + limit;
  std::vector<Outcome> outcomes;
  for (const auto& member : members(SeatState::taking)) {
    const std::optional<Json> answer = member->channel.receive(left_until(end));
    if (answer) {
      outcomes.push_back({member->name, text_in(*answer, "error"),
                          answer->value("taken_bytes", uint64_t{0}),
                          answer->value("spans", Json::array())});
    } else {
      segment_.drop(member->seat);
    }
  }
  return outcomes;
}

std::vector<Json> Gate::finish(const Json& verdict, Milliseconds limit) {
  const auto end = SteadyClock::now() + limit;
  const Members told = members(SeatState::taking);
  for (const auto& member : told) member->channel.send(verdict, left_until(end));
  std::vector<Json> answers;
  const auto ends = [](const Json& answer) {
    return answer.contains("swapped") || answer.contains("kept");
  };
  for (const auto& member : told) {
    std::optional<Json> answer = member->channel.receive(left_until(end));
    // The outcome of an update that was given up meanwhile.
    if (answer && !ends(*answer)) answer = member->channel.receive(left_until(end));
    if (answer) answers.push_back(std::move(*answer));
    SeatState taking = SeatState::taking;
    segment_.seat(member->seat)
        .state.compare_exchange_strong(taking, answer ? SeatState::joined : SeatState::dropped);
  }
  return answers;
}

}  // namespace podium::ckpt::engine
