// ShardEntry as JSON, as it stands in manifests and in the reports that ranks exchange.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>

#include "io/cache/manifest.hpp"

namespace podium::io {

// Throws data_error unless `value` is a whole number of 64 bits: the library itself would make one
// of any number, negative, fractional or too large.
uint64_t whole_number(const nlohmann::ordered_json& value);

nlohmann::ordered_json shard_to_json(const ShardEntry& shard);

// Throws nlohmann::json::exception when a field is missing or of another type, data_error when a
// count is no whole number or the checksum no hexadecimal one.
ShardEntry shard_from_json(const nlohmann::ordered_json& json);

}  // namespace podium::io
