#include "search/controller_worker.hpp"

#include <nlohmann/json.hpp>

#include "search/theta_servers.hpp"

namespace podium::search {
namespace {

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

void run_controller(Channel& channel, const Space& space, const MethodOptions& options,
                    const AdamOptions& adam) {
  try {
    const Json begin = receive(channel);
    const size_t count = begin.at("count");
    const std::unique_ptr<ThetaStore> theta = join_theta(begin.at("theta"), options, adam, space);
    const std::unique_ptr<Method> method = make_method(options, space, theta.get());
    if (!begin.at("state").is_null()) method->resume(begin.at("state"));
    if (!begin.at("unlearned").is_null()) {
      method->propose(count);  // so that it stands where it stood when they were drawn
      learn(*method, begin.at("unlearned"));
    }
    while (true) {
      propose(channel, *method, count);
      learn(*method, receive(channel).at("samples"));
    }
  } catch (const Ended&) {
    return;
  }
}

}  // namespace podium::search
