// WeightsSource: where a replica takes the weights of a version from, as the text that a deployment
// names: the path of a snapshot, or how to reach the checkpoint engine, with that path to fall back
// on.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "ckpt/engine/receiver.hpp"
#include "ckpt/snapshot.hpp"

namespace podium::workflow {

struct WeightsSource {
  std::string gate;                // of the pod, on this node; empty: none, or not to be used
  std::vector<std::string> peers;  // host:port of the checkpoint ranks
  std::string secret;
  std::filesystem::path file;  // empty: none
};

std::string to_text(const WeightsSource& source);

// The named buffers of `snapshot` as pieces, whole; and back.
std::vector<ckpt::engine::Piece> pieces_of(const ckpt::Snapshot& snapshot);
ckpt::Snapshot snapshot_of(const ckpt::engine::Weights& weights);

// The weights of `version` from what `text` names. With a gate, it waits up to `limit` for the
// update that brings them, takes part in it, and fails when that is given up; who comes too late
// fetches them from point to point, or reads the file. Throws data_error and unavailable_error.
ckpt::Snapshot read_weights(const std::string& text, int version, std::chrono::milliseconds limit);

// What a job leaves for others that take its weights (engine.json): a secret, so for its user's
// eyes only. Throws io_error; data_error for a file that is none.
void write_engine_file(const std::filesystem::path& path, const WeightsSource& source);
WeightsSource read_engine_file(const std::filesystem::path& path);

}  // namespace podium::workflow
