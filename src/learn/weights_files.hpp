// Weights as checkpoints in the run folder: the road of those who share a file system.
//
//   FOLDER/weights-000000012.h5   a snapshot (ckpt/snapshot.hpp) of version 12; the newest two stay
//
// An explorer is told of a version once its file is there, whole and verified by its reader.
//
// Threads: one writes, any number reads, in other processes.
#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>

#include "learn/policy.hpp"
#include "learn/weights_road.hpp"

namespace podium::learn {

// Throws io_error.
std::unique_ptr<WeightsOut> write_weights(const std::filesystem::path& folder,
                                          const Policy& policy);

// Null where the ticket's folder is not there.
std::unique_ptr<WeightsIn> read_weights(const nlohmann::ordered_json& ticket);

}  // namespace podium::learn
