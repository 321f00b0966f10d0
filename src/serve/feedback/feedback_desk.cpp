#include "serve/feedback/feedback_desk.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

#include "serve/protocol/json_writer.hpp"
#include "serve/protocol/request_error.hpp"

namespace podium::serve {
namespace {

using Json = nlohmann::json;

constexpr size_t most_body_bytes = size_t{16} << 10;

std::string read_feedback_id(const Json& body) {
  const auto found = body.find("id");
  if (found == body.end() || !(found->is_string() || found->is_number_integer())) {
    throw RequestError(400,
                       "feedback needs an 'id', a text or a whole number: the 'feedback_id' "
                       "of the answer");
  }
  std::string id = found->is_string() ? found->get<std::string>() : found->dump();
  if (id.empty() || id.size() > most_feedback_id_bytes) {
    throw RequestError(400,
                       "an 'id' has 1 to " + std::to_string(most_feedback_id_bytes) + " bytes");
  }
  return id;
}

float read_reward(const Json& body) {
  const auto found = body.find("reward");
  const float reward = found != body.end() && found->is_number() ? found->get<float>() : NAN;
  if (!std::isfinite(reward)) throw RequestError(400, "feedback needs a number 'reward'");
  return reward;
}

}  // namespace

std::string FeedbackDesk::take(const std::string& body) {
  try {
    return take_one(body);
  } catch (const RequestError& error) {
    ++(error.status() == 503 ? stats_.turned_away : stats_.refused);
    throw;
  }
}

std::string FeedbackDesk::take_one(const std::string& body) {
  if (options_.memory == 0) {
    throw RequestError(404, "this service takes no feedback; it does with --serve.feedback_memory");
  }
  if (body.size() > most_body_bytes) {
    throw RequestError(413, "feedback has at most " + std::to_string(most_body_bytes) + " bytes");
  }
  const Json json = Json::parse(body, nullptr, false);
  if (!json.is_object()) throw RequestError(400, "the body must be a JSON object");
  const std::string id = read_feedback_id(json);
  const float reward = read_reward(json);
  require_awaited(id);
  const Decision decision = memory_.decision(id);
  if (options_.sink && !options_.sink->take({decision, reward})) {
    throw RequestError(503, "more feedback than the learner takes; come again");
  }
  memory_.mark_rewarded(id);
  ++stats_.accepted;
  stats_.rewards += reward;
  JsonWriter writer(128 + id.size());
  writer.raw(R"({"id":)").text(id).raw(R"(,"accepted":true,"class_index":)");
  writer.number(decision.action).raw(R"(,"model_version":")").number(decision.version).raw("\"}");
  return writer.take();
}

void FeedbackDesk::require_awaited(const std::string& id) const {
  using State = FeedbackMemory::State;
  switch (memory_.state(id)) {
    case State::awaited:
      return;
    case State::rewarded:
      throw RequestError(409, "this answer has its reward already");
    case State::ambiguous:
      throw RequestError(409, "several answers had this id; give each request one of its own");
    case State::forgotten:
      throw RequestError(410,
                         "this answer is no longer remembered; --serve.feedback_memory says "
                         "how many are");
    case State::unknown:
      break;
  }
  throw RequestError(404, "no answer has this id, or it was to several images");
}

}  // namespace podium::serve
