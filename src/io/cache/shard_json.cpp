#include "io/cache/shard_json.hpp"

#include <charconv>
#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "core/hash.hpp"

namespace podium::io {

using Json = nlohmann::ordered_json;

namespace {

uint64_t checksum_from(const std::string& text, const std::string& file) {
  uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [parsed_end, error] = std::from_chars(text.data(), end, value, 16);
  if (error != std::errc() || parsed_end != end) {
    throw data_error("the checksum of a shard is no hexadecimal number", "shard " + file,
                     "build the cache again");
  }
  return value;
}

}  // namespace

uint64_t whole_number(const Json& value) {
  if (value.is_number_unsigned()) return value.get<uint64_t>();
  throw data_error("a count is no whole number", value.type_name(), "build the cache again");
}

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
  shard.first = whole_number(json.at("first"));
  shard.records = whole_number(json.at("records"));
  shard.bytes = whole_number(json.at("bytes"));
  shard.generation = whole_number(json.at("generation"));
  shard.xxh3 = checksum_from(json.at("xxh3").get<std::string>(), shard.file);
  return shard;
}

}  // namespace podium::io
