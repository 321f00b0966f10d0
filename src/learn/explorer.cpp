#include "learn/explorer.hpp"

#include <poll.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "core/channel.hpp"
#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/signals.hpp"
#include "core/text.hpp"
#include "core/trace.hpp"
#include "core/worker_process.hpp"
#include "learn/accounting.hpp"
#include "learn/experience_codec.hpp"
#include "learn/hub_messages.hpp"
#include "learn/rollouts.hpp"
#include "learn/weights_roads.hpp"

namespace podium::learn {
namespace {

using Words = std::vector<std::string>;
using Milliseconds = std::chrono::milliseconds;

constexpr const char* command = "__explorer";
constexpr Milliseconds greeting_limit{30'000};  // of the rank and of the hub
constexpr Milliseconds message_limit{60'000};   // of a message that has begun
constexpr Milliseconds end_limit{60'000};       // until the rank ends this process
constexpr Milliseconds weights_limit{30'000};   // until weights that are published are there

// Nobody waits for the rest of a rollout when the rank or the hub is gone.
[[noreturn]] void leave() {
  std::_Exit(0);
}

Channel connect(const std::string& address) {
  try {
    return Channel::to_peer(address, greeting_limit);
  } catch (const Error&) {
    throw unavailable_error("nobody answers where experiences go", address,
                            "see whether the job that learns still runs");
  }
}

// The two it speaks with.
class Voice {
 public:
  // REQUIRES: `rank` is open.
  Voice(Channel rank, Channel hub) : rank_(std::move(rank)), hub_(std::move(hub)) {}

  Channel& hub() { return hub_; }

  void say(const Json& message, std::span<const std::byte> bytes = {}) {
    if (!hub_.send(message, message_limit) || !hub_.send_bytes(bytes, message_limit)) leave();
  }

  // To both, if it is time.
  void live() {
    leave_if_alone();
    if (since_word_.milliseconds() < static_cast<double>(between_words.count()) / 2) return;
    since_word_.restart();
    say({{"here", true}});
    tell_rank({{"here", true}});
  }

  void tell_rank(const Json& message) {
    if (!rank_.send(message, message_limit)) leave();
  }

  // Learning has ended: the rank ends its explorers when it has heard of it.
  void await_end() {
    tell_rank({{"ended", true}});
    pollfd entry{rank_.descriptor(), POLLRDHUP, 0};
    ::poll(&entry, 1, static_cast<int>(end_limit.count()));
  }

  // The hub's next order.
  Json order() {
    while (true) {
      std::array<pollfd, 2> entries{
          {{rank_.descriptor(), POLLRDHUP, 0}, {hub_.descriptor(), POLLIN | POLLRDHUP, 0}}};
      ::poll(entries.data(), entries.size(), static_cast<int>(between_words.count() / 2));
      if ((entries[1].revents & POLLIN) != 0) {
        std::optional<Json> message = hub_.receive(message_limit);
        if (!message) leave();
        return std::move(*message);
      }
      live();
    }
  }

 private:
  void leave_if_alone() const {
    std::array<pollfd, 2> entries{
        {{rank_.descriptor(), POLLRDHUP, 0}, {hub_.descriptor(), POLLRDHUP, 0}}};
    ::poll(entries.data(), entries.size(), 0);
    for (const pollfd& entry : entries) {
      if ((entry.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0) leave();
    }
  }

  Channel rank_;
  Channel hub_;
  Stopwatch since_word_;
};

class Explorer {
 public:
  Explorer(const ExplorerTask& task, Voice voice, const Json& welcome)
      : voice_(std::move(voice)),
        kit_(task, io::Split::train),
        policy_(kit_.info(), kit_.policy_options(), task.seed),
        number_(welcome.at("welcome").get<int>()),
        rollouts_([&](int place) { return kit_.make(number_ * task.environments + place); },
                  {task.environments, task.steps, number_, task.seed}),
        road_(find_weights(welcome.at("ticket"), policy_.parameter_count())),
        sync_(sync_span(welcome.at("ticket"))),
        tracer_(TraceTicket::parse(task.trace),
                {format("explorer %d of rank %d", number_, task.rank), task.rank, "explorer"},
                Log(LogLevel::warning, "explorer")),
        lane_(tracer_.lane("explorer")),
        accounting_(task.keep_spans, lane_) {
    if (road_) road_->set_waiting([this] { voice_.live(); });
  }

  void run() {
    voice_.say({{"ready", true}, {"road", road_ != nullptr}});
    while (true) {
      accounting_.turn_to(waits_for_);
      const Json order = voice_.order();
      if (order.contains("take")) take(order);
      if (order.contains("explore")) explore(order.at("explore"));
      if (order.contains("end")) break;
    }
    accounting_.turn_to(Spent::other);
    tracer_.flush();  // the rank ends this process
    voice_.await_end();
  }

 private:
  void take(const Json& order) {
    accounting_.turn_to(Spent::transfer);
    const Timed span(lane_, sync_);
    const Version wanted = version_from(order.at("take"));
    const size_t bytes = order.value("bytes", size_t{0});
    const std::span<float> parameters = policy_.parameters();
    if (bytes == 0 && road_ != nullptr) {
      version_ = road_->take(wanted, parameters, weights_limit);
    } else if (bytes != parameters.size_bytes() ||
               !voice_.hub().receive_bytes(std::as_writable_bytes(parameters), message_limit)) {
      throw unavailable_error("weights of another size came", "explorer",
                              "start the job of the same release");
    } else {
      version_ = wanted;
    }
    waits_for_ = Spent::wait_for_room;
    voice_.say({{"taken", to_json(version_)}});
  }

  void explore(uint64_t rollout) {
    accounting_.turn_to(Spent::rollout);
    const std::vector<Experience> made =
        rollouts_.explore(policy_, version_, rollout, [this] { voice_.live(); });
    accounting_.turn_to(Spent::transfer);
    // Where no episode was cut, the next rollout depends on its number alone, whoever explores it.
    const auto ended = [](const Experience& one) { return one.ends.back() != Ending::none; };
    if (std::ranges::all_of(made, ended)) rollouts_.begin_anew();
    PackedExperiences packed = pack_experiences(made);
    packed.head["explored"] = rollout;
    packed.head["returns"] = rollouts_.take_returns();
    packed.head["spent"] = accounting_.seconds();
    packed.head["spans"] = to_json(accounting_.take_spans());
    voice_.say(packed.head, packed.bytes);
    waits_for_ = Spent::wait_for_weights;
  }

  Voice voice_;
  EnvironmentKit kit_;
  Policy policy_;
  int number_;
  Rollouts rollouts_;
  std::unique_ptr<WeightsIn> road_;
  const char* sync_;  // the name of its span
  Tracer tracer_;
  const Lane lane_;
  Accounting accounting_;
  Spent waits_for_ = Spent::wait_for_weights;
  Version version_;
};

Json receive(Channel& channel, const char* from) {
  std::optional<Json> message = channel.receive(greeting_limit);
  if (message) return std::move(*message);
  throw unavailable_error(std::string("no word came from ") + from, "explorer",
                          "see whether the job that learns still runs");
}

}  // namespace

Words explorer_command(const ExplorerTask& task) {
  return {command, to_json(task).dump()};
}

bool is_explorer_command(const Words& arguments) {
  return arguments.size() == 2 && arguments.front() == command;
}

int run_explorer(const Words& arguments) {
  leave_signals_to_the_job();
  const ExplorerTask task = explorer_task_from(Json::parse(arguments.back()));
  Channel rank(FileDescriptor(worker_socket_fd), most_message_bytes);
  const Json place = receive(rank, "the rank");
  Channel hub = connect(place.at("hub"));
  hub.send({{"podium", "learn"},
            {"secret", place.at("secret")},
            {"task", task.digest()},
            {"explorer", place.at("explorer")}},
           message_limit);
  const Json welcome = receive(hub, "the hub");
  if (welcome.contains("refused")) {
    rank.send({{"refused", text_in(welcome, "refused")}}, message_limit);
    rank.receive(end_limit);  // it ends this process
    return 0;
  }
  Explorer(task, Voice(std::move(rank), std::move(hub)), welcome).run();
  return 0;
}

}  // namespace podium::learn
