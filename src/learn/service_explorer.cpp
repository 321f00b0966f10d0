#include "learn/service_explorer.hpp"

#include <poll.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "core/channel.hpp"
#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "learn/accounting.hpp"
#include "learn/experience_codec.hpp"
#include "learn/hub_address.hpp"
#include "learn/hub_messages.hpp"
#include "learn/service_feedback.hpp"

namespace podium::learn {
namespace {

using Milliseconds = std::chrono::milliseconds;

constexpr Milliseconds greeting_limit{10'000};
constexpr Milliseconds message_limit{30'000};  // of a message that has begun
constexpr Milliseconds look{50};               // whether there is enough feedback, and for the end
constexpr Milliseconds pause{2'000};           // between two connections
constexpr size_t most_weights_bytes = size_t{4} << 30;

Error gone(const char* when) {
  return unavailable_error(std::string("the job that learns has gone ") + when, "--serve.learner",
                           "see whether it still runs");
}

RolloutShape shape_from(const Json& welcome) {
  const Json& rollout = welcome.at("rollout");
  RolloutShape shape;
  shape.experiences = rollout.at("experiences").get<size_t>();
  shape.steps = rollout.at("steps").get<int>();
  shape.observation_bytes = rollout.at("observation_bytes").get<size_t>();
  shape.actions = rollout.at("actions").get<int>();
  if (shape.experiences < 1 || shape.steps < 1 || shape.observation_bytes < 1) {
    throw gone("mad: it wants rollouts of nothing");
  }
  return shape;
}

}  // namespace

class ServiceExplorer::Implementation {
 public:
  Implementation(const ServiceExplorerOptions& options, Install install, const Log& log)
      : options_(options), install_(std::move(install)), log_(log), thread_([this] { run(); }) {}

  ~Implementation() {
    {
      const std::lock_guard hold(lock_);
      ending_ = true;
    }
    ended_.notify_all();
    thread_.join();
    if (feedback_.waiting() > 0) {
      log_.info(format("%zu feedbacks were not enough for a rollout", feedback_.waiting()));
    }
  }

  bool take(serve::Feedback feedback) {
    const std::lock_guard hold(lock_);
    const size_t bytes = feedback.decision.image.size() + sizeof feedback;
    if ((feedback_.waiting() + 1) * bytes > options_.most_bytes) return false;
    ++stats_.taken;
    feedback_.add(std::move(feedback));
    return true;
  }

  ServiceExplorerStats stats() const {
    const std::lock_guard hold(lock_);
    ServiceExplorerStats stats = stats_;
    stats.dropped = feedback_.dropped();
    return stats;
  }

 private:
  void run() {
    std::string complaint;  // told once
    while (!ending()) {
      try {
        visit();
        complaint.clear();
      } catch (const std::exception& failure) {
        if (complaint != failure.what()) {
          log_.warning("no feedback goes to a learner: " + std::string(failure.what()));
        }
        complaint = failure.what();
      }
      set_joined(false);
      std::unique_lock hold(lock_);
      ended_.wait_for(hold, pause, [this] { return ending_; });
    }
  }

  // From a connection to its end.
  void visit() {
    const HubAddress place = read_hub_address(options_.learner);
    hub_ = Channel::to_peer(place.address, greeting_limit);
    say({{"podium", "learn"}, {"secret", place.secret}, {"service", true}, {"explorer", -1}});
    const std::optional<Json> welcome = hub_.receive(greeting_limit);
    if (!welcome) throw gone("without a word");
    if (welcome->contains("refused")) {
      throw unavailable_error("the learner refuses this service: " + text_in(*welcome, "refused"),
                              place.address, "give the learn.json of its run folder");
    }
    shape_ = shape_from(*welcome);
    rollout_.reset();
    due_.reset();
    say({{"ready", true}, {"road", false}});
    set_joined(true);
    log_.info("feedback goes to the job that learns at " + place.address);
    while (!ending()) {
      live();
      if (has_word() && !hear()) return;
      install_if_due();
      if (rollout_) send_rollout();
    }
  }

  void say(const Json& message, std::span<const std::byte> bytes = {}) {
    if (!hub_.send(message, message_limit) || !hub_.send_bytes(bytes, message_limit)) {
      throw gone("in the middle of a word");
    }
    since_word_.restart();
  }

  void live() {
    if (since_word_.milliseconds() >= static_cast<double>(between_words.count()) / 2) {
      say({{"here", true}});
    }
  }

  bool has_word() const {
    pollfd entry{hub_.descriptor(), POLLIN, 0};
    return ::poll(&entry, 1, static_cast<int>(look.count())) > 0;
  }

  // False once learning has ended.
  bool hear() {
    const std::optional<Json> order = hub_.receive(message_limit);
    if (!order) throw gone("or says what is no message");
    if (order->contains("take")) take_weights(*order);
    if (order->contains("explore")) {
      rollout_ = order->at("explore").get<uint64_t>();
      accounting_.turn_to(Spent::rollout);
    }
    if (!order->contains("end")) return true;
    log_.info("the job that learns has ended");
    return false;
  }

  void take_weights(const Json& order) {
    const Version version = version_from(order.at("take"));
    const auto bytes = order.at("bytes").get<size_t>();
    if (bytes % sizeof(float) != 0 || bytes > most_weights_bytes) throw gone("mad");
    std::vector<float> parameters(bytes / sizeof(float));
    if (!hub_.receive_bytes(std::as_writable_bytes(std::span(parameters)), message_limit)) {
      throw gone("in the middle of its weights");
    }
    {
      const std::lock_guard hold(lock_);
      feedback_.forget_newer(version);
    }
    due_ = {version, std::move(parameters)};
    say({{"taken", to_json(version)}});
  }

  // Whoever serves is not to swap without end: between two versions some are left out, and until
  // the next one clients are answered by the one before, which its experiences say.
  void install_if_due() {
    const auto every = static_cast<double>(options_.every.count());
    if (!due_ || (stats().installed > 0 && since_install_.milliseconds() < every)) return;
    const Spent before = accounting_.turn_to(Spent::transfer);
    const int number = install_(due_->first, due_->second);
    accounting_.turn_to(before);
    since_install_.restart();
    const std::lock_guard hold(lock_);
    feedback_.know(number, due_->first);
    ++stats_.installed;
    due_.reset();
  }

  void send_rollout() {
    std::vector<Experience> made;
    {
      const std::lock_guard hold(lock_);
      made = feedback_.take(*rollout_, shape_);
    }
    if (made.empty()) return;
    std::vector<double> returns;
    for (const Experience& experience : made) {
      returns.insert(returns.end(), experience.rewards.begin(), experience.rewards.end());
    }
    PackedExperiences packed = pack_experiences(made);
    packed.head["explored"] = *rollout_;
    packed.head["returns"] = returns;
    packed.head["spent"] = accounting_.seconds();
    try {
      say(packed.head, packed.bytes);
    } catch (...) {  // nobody knows how much of it went out
      add_to(&ServiceExplorerStats::lost, returns.size());
      throw;
    }
    accounting_.turn_to(Spent::other);
    rollout_.reset();
    if (stats().rollouts == 0) log_.info("the first rollout of feedback went to the learner");
    const std::lock_guard hold(lock_);
    ++stats_.rollouts;
    stats_.sent += returns.size();
  }

  void add_to(uint64_t ServiceExplorerStats::*count, uint64_t more) {
    const std::lock_guard hold(lock_);
    stats_.*count += more;
  }
  bool ending() const {
    const std::lock_guard hold(lock_);
    return ending_;
  }
  void set_joined(bool joined) {
    const std::lock_guard hold(lock_);
    stats_.joined = joined;
  }

  const ServiceExplorerOptions options_;
  const Install install_;
  const Log log_;

  mutable std::mutex lock_;  // of what follows
  std::condition_variable ended_;
  bool ending_ = false;
  ServiceFeedback feedback_;
  ServiceExplorerStats stats_;

  // Of the thread.
  Channel hub_;
  RolloutShape shape_;
  std::optional<uint64_t> rollout_;
  std::optional<std::pair<Version, std::vector<float>>> due_;  // weights to install
  Accounting accounting_;
  Stopwatch since_word_;
  Stopwatch since_install_;
  std::thread thread_;  // last: it uses what is above
};

ServiceExplorer::ServiceExplorer(const ServiceExplorerOptions& options, Install install,
                                 const Log& log)
    : implementation_(std::make_unique<Implementation>(options, std::move(install), log)) {}
ServiceExplorer::~ServiceExplorer() = default;

bool ServiceExplorer::take(serve::Feedback feedback) {
  return implementation_->take(std::move(feedback));
}

ServiceExplorerStats ServiceExplorer::stats() const {
  return implementation_->stats();
}

}  // namespace podium::learn
