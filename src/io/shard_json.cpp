#include "io/shard_json.hpp"

#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "core/hash.hpp"

namespace podium::io {

using Json = nlohmann::ordered_json;

// The checksum is written in hexadecimal: JSON numbers of 64 bits do not survive every reader.
Json shard_to_json(const ShardEntry& shard) {
  Json json;
  json["part"] = part_name(shard.part);
  json["file"] = shard.file;
  json["first"] = shard.first;
  json["records"] = shard.records;
  json["bytes"] = shard.bytes;
  json["xxh3"] = to_hex(shard.xxh3);
  json["generation"] = shard.generation;
  return json;
}

ShardEntry shard_from_json(const Json& json) {
  ShardEntry shard;
  shard.part =
      json.at("part").get<std::string>() == part_name(Part::train) ? Part::train : Part::test;
  json.at("file").get_to(shard.file);
  json.at("first").get_to(shard.first);
  json.at("records").get_to(shard.records);
  json.at("bytes").get_to(shard.bytes);
  json.at("generation").get_to(shard.generation);
  shard.xxh3 = std::stoull(json.at("xxh3").get<std::string>(), nullptr, 16);
  return shard;
}

}  // namespace podium::io
