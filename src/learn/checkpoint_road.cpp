#include "learn/checkpoint_road.hpp"

#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>

#include "comm/inproc/inproc_world.hpp"
#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/sockets.hpp"
#include "core/text.hpp"

namespace podium::learn {
namespace {

using Json = nlohmann::ordered_json;
using Milliseconds = std::chrono::milliseconds;
namespace engine = ckpt::engine;

constexpr const char* place = "checkpoint engine";
constexpr const char* tensor_name = "policy";

// The engine counts its versions from 1.
uint64_t number_there(const Version& version) {
  return version.number + 1;
}

Version version_of(const engine::Layout& layout) {
  const Json card = Json::parse(layout.card, nullptr, false);
  if (!card.is_object() || !card.contains("made_at")) {
    throw data_error("a version of the policy without its number of updates", place,
                     "run the same version of Podium everywhere");
  }
  return {layout.version - 1, card.at("made_at").get<uint64_t>()};
}

void copy_weights(const engine::Weights& weights, std::span<float> parameters) {
  const auto& tensors = weights.layout.tensors;
  if (tensors.size() != 1 || tensors.front().bytes != parameters.size_bytes()) {
    throw data_error(format("the weights that came are not those of a policy of %zu parameters",
                            parameters.size()),
                     place, "give explorers and trainers the same policy");
  }
  if (parameters.empty()) return;
  std::memcpy(parameters.data(), weights.of(tensors.front()).data(), parameters.size_bytes());
}

// Empty when the version is not there yet, or was replaced while it came.
std::optional<engine::Weights> try_fetch(const engine::FetchOptions& source, uint64_t number,
                                         std::string* why) {
  try {
    engine::Weights weights = engine::fetch(source);
    if (weights.version() >= number) return weights;
    *why = format("it has version %llu", static_cast<unsigned long long>(weights.version() - 1));
  } catch (const Error& error) {
    if (error.code() != ExitCode::unavailable) throw;
    *why = error.what();
  }
  return {};
}

}  // namespace

CheckpointOut::CheckpointOut(const std::string& address, Log log)
    : alone_(comm::InprocWorld(1, "policy").communicator(0)), secret_(make_secret()) {
  engine::EngineOptions options;
  options.address = address;
  options.secret = secret_;
  options.log = std::move(log);
  engine_ = std::make_unique<engine::Engine>(*alone_, 1, std::move(options));
}

void CheckpointOut::publish(const Version& version, std::span<const float> parameters) {
  const Json card = {{"made_at", version.made_at}};
  const std::vector<engine::Piece> pieces = {
      {tensor_name, {parameters.size()}, sizeof(float), 0, parameters.size_bytes()}};
  auto shard = engine_->make_shard(number_there(version), card.dump(), pieces);
  if (!parameters.empty()) {
    std::memcpy(shard->piece(0).data(), parameters.data(), parameters.size_bytes());
  }
  shard->seal();
  engine_->hold(std::move(shard));
  engine_->offer();
}

Json CheckpointOut::ticket() const {
  return {{"road", "checkpoint"}, {"peers", engine_->peers()}, {"secret", secret_}};
}

CheckpointIn::CheckpointIn(const Json& ticket) {
  try {
    source_.peers = ticket.at("peers").get<std::vector<std::string>>();
    source_.secret = ticket.at("secret").get<std::string>();
  } catch (const Json::exception& error) {
    throw data_error(std::string("not the ticket of a checkpoint road: ") + error.what(), place,
                     "run the same version of Podium everywhere");
  }
}

Version CheckpointIn::take(const Version& version, std::span<float> parameters,
                           Milliseconds limit) {
  const Deadline deadline(limit);
  Backoff backoff(Backoff::Kind::idle);
  source_.limit = limit;
  std::string why;
  while (true) {
    if (const auto weights = try_fetch(source_, number_there(version), &why)) {
      copy_weights(*weights, parameters);
      return version_of(weights->layout);
    }
    if (deadline.expired()) {
      throw unavailable_error(format("version %llu of the policy did not come within %lld ms: ",
                                     static_cast<unsigned long long>(version.number),
                                     static_cast<long long>(limit.count())) +
                                  why,
                              place, "see whether the trainers are alive");
    }
    wait_on();
    backoff.pause();
  }
}

}  // namespace podium::learn
