// ShardEntry as JSON, as it stands in manifests and in the reports that ranks exchange.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "io/manifest.hpp"

namespace podium::io {

nlohmann::ordered_json shard_to_json(const ShardEntry& shard);

// Throws nlohmann::json::exception when a field is missing or of another type.
ShardEntry shard_from_json(const nlohmann::ordered_json& json);

}  // namespace podium::io
