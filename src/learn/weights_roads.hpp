// The one place where it is decided on which road weights go.
#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>

#include "learn/mode.hpp"
#include "learn/policy.hpp"
#include "learn/weights_road.hpp"

namespace podium::learn {

// On the leading trainer. `folder` is where checkpoints of weights lie. Throws io_error.
std::unique_ptr<WeightsOut> make_weights_road(SyncMethod method, const Policy& policy,
                                              const std::filesystem::path& folder);

// On an explorer. Null where the road does not lead to it: weights then come on its connection.
std::unique_ptr<WeightsIn> find_weights(const nlohmann::ordered_json& ticket, const Policy& policy);

}  // namespace podium::learn
