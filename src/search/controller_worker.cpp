#include "search/controller_worker.hpp"

#include <nlohmann/json.hpp>

#include "core/error.hpp"

namespace podium::search {
namespace {

using Channel = ckpt::engine::Channel;
using Json = nlohmann::ordered_json;

constexpr std::chrono::hours forever{24 * 365};  // the end of a search is seen at once
constexpr std::chrono::seconds send_limit{60};

// The search is gone.
struct Ended {};

Json receive(Channel& channel) {
  std::optional<Json> message = channel.receive(forever);
  if (!message) throw Ended();
  return std::move(*message);
}

void send(Channel& channel, const Json& message) {
  if (!channel.send(message, send_limit)) throw Ended();
}

// Θ at the other end of the channel.
class RemoteTheta final : public ThetaStore {
 public:
  explicit RemoteTheta(Channel& channel) : channel_(channel) {}

  void pull(std::span<float> theta) override {
    send(channel_, {{"pull", true}});
    const Json message = receive(channel_);
    const Json& values = message.at("theta");
    require(values.size() == theta.size(), "controllers and their parameters agree", "search");
    for (size_t i = 0; i < theta.size(); ++i) theta[i] = values[i];
  }

  void push(std::span<const float> gradient) override {
    send(channel_, {{"push", std::vector<float>(gradient.begin(), gradient.end())}});
  }

 private:
  Channel& channel_;
};

void propose(Channel& channel, Method& method, size_t count) {
  Json state = method.state();
  const std::vector<Choices> choices = method.propose(count);
  send(channel, {{"done", true},
                 {"propose", choices},
                 {"state", std::move(state)},
                 {"entropy", method.entropy()}});
}

void learn(Method& method, const Json& samples) {
  std::vector<Sample> learned;
  for (const Json& sample : samples) {
    learned.push_back({sample.at("choices").get<Choices>(), sample.at("reward")});
  }
  method.learn(learned);
}

}  // namespace

void run_controller(Channel& channel, const Space& space, const MethodOptions& options) {
  try {
    const Json begin = receive(channel);
    const size_t count = begin.at("count");
    RemoteTheta theta(channel);
    const std::unique_ptr<Method> method = make_method(options, space, &theta);
    if (!begin.at("state").is_null()) method->resume(begin.at("state"));
    while (true) {
      propose(channel, *method, count);
      learn(*method, receive(channel).at("samples"));
    }
  } catch (const Ended&) {
    return;
  }
}

}  // namespace podium::search
