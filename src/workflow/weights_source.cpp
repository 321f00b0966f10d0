#include "workflow/weights_source.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "ckpt/engine/peers.hpp"
#include "core/clock.hpp"
#include "core/error.hpp"
#include "io/files/atomic_file.hpp"

namespace podium::workflow {
namespace {

using Json = nlohmann::ordered_json;
using Milliseconds = std::chrono::milliseconds;
namespace engine = ckpt::engine;

constexpr Milliseconds look_around{500};  // while waiting for an update: whether it is over

Json to_json(const WeightsSource& source) {
  return {{"gate", source.gate},
          {"peers", source.peers},
          {"secret", source.secret},
          {"file", source.file.string()}};
}

WeightsSource source_from(const Json& json, const std::string& where) {
  try {
    return {json.at("gate"), json.at("peers"), json.at("secret"),
            json.at("file").get<std::string>()};
  } catch (const Json::exception& error) {
    throw data_error(std::string("not the address of a checkpoint engine: ") + error.what(), where,
                     "give the engine.json of a running job");
  }
}

engine::FetchOptions fetching(const WeightsSource& source, Milliseconds limit) {
  return {source.peers, source.secret, 0, 1, limit};
}

// Takes part in the update to `version`. Empty when that is over already, or this process was too
// slow: then it fetches. Throws when the update is given up.
std::optional<engine::Weights> take_part(const WeightsSource& source, uint64_t version,
                                         Milliseconds limit) {
  try {
    engine::Receiver receiver(source.gate, {"replica " + std::to_string(::getpid()), 0, 1, limit});
    if (receiver.greeting().value("version", uint64_t{0}) >= version) return {};
    const Deadline deadline(limit);
    while (!deadline.expired()) {
      if (receiver.take(look_around) && receiver.weights().version() == version) {
        return receiver.release();
      }
      if (!receiver.why().empty()) {
        throw data_error("the update was given up: " + receiver.why(), "checkpoint engine",
                         "the version before goes on");
      }
      if (engine::newest_version(fetching(source, limit)) >= version) return {};
    }
  } catch (const Error& error) {
    if (error.code() != ExitCode::unavailable) throw;
  }
  return {};
}

std::optional<engine::Weights> fetch_version(const WeightsSource& source, uint64_t version,
                                             Milliseconds limit) {
  try {
    engine::Weights weights = engine::fetch(fetching(source, limit));
    if (weights.version() == version) return weights;
  } catch (const Error&) {
    if (source.file.empty()) throw;
  }
  return {};
}

}  // namespace

std::string to_text(const WeightsSource& source) {
  return to_json(source).dump();
}

std::vector<engine::Piece> pieces_of(const ckpt::Snapshot& snapshot) {
  std::vector<engine::Piece> pieces;
  for (const ckpt::NamedBuffer& buffer : snapshot.buffers) {
    pieces.push_back(
        {buffer.name, buffer.shape, sizeof(float), 0, buffer.values.size() * sizeof(float)});
  }
  return pieces;
}

ckpt::Snapshot snapshot_of(const engine::Weights& weights) {
  ckpt::Snapshot snapshot;
  snapshot.card = Json::parse(weights.layout.card, nullptr, false);
  for (const engine::Tensor& tensor : weights.layout.tensors) {
    ckpt::NamedBuffer buffer{tensor.name, tensor.shape, {}};
    buffer.values.resize(tensor.bytes / sizeof(float));
    if (tensor.bytes > 0) {
      std::memcpy(buffer.values.data(), weights.of(tensor).data(), tensor.bytes);
    }
    snapshot.buffers.push_back(std::move(buffer));
  }
  return snapshot;
}

ckpt::Snapshot read_weights(const std::string& text, int version, Milliseconds limit) {
  if (!text.starts_with("{")) return ckpt::read_snapshot(text);
  const WeightsSource source = source_from(Json::parse(text, nullptr, false), "deployment");
  const auto wanted = static_cast<uint64_t>(version);
  std::optional<engine::Weights> weights;
  if (!source.gate.empty()) weights = take_part(source, wanted, limit);
  if (!weights) weights = fetch_version(source, wanted, limit);
  if (weights) return snapshot_of(*weights);
  if (!source.file.empty()) return ckpt::read_snapshot(source.file);
  throw unavailable_error("the checkpoint engine no longer has version " + std::to_string(version),
                          "checkpoint engine", "take the newest");
}

// Complete under its name or not there, and never readable by others.
void write_engine_file(const std::filesystem::path& path, const WeightsSource& source) {
  const std::string text = to_json(source).dump(2) + "\n";
  const std::filesystem::path fresh = path.string() + ".new";
  ::unlink(fresh.c_str());
  const FileDescriptor file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file || ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
      ::rename(fresh.c_str(), path.c_str()) != 0) {
    throw io_error("cannot write the address of the checkpoint engine", path.string(), errno);
  }
}

WeightsSource read_engine_file(const std::filesystem::path& path) {
  return source_from(Json::parse(io::read_text_file(path), nullptr, false), path.string());
}

}  // namespace podium::workflow
