#include "io/write_plan.hpp"

#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "io/shard_json.hpp"

namespace podium::io {
namespace {

using Json = nlohmann::ordered_json;

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

[[noreturn]] void throw_foreign(const std::exception& error, const char* where) {
  throw internal_error(std::string("not a message of an ingest: ") + error.what(), where,
                       "please report this");
}

}  // namespace

std::string WritePlan::to_json() const {
  Json json;
  json["folder"] = folder.string();
  json["source"] = source;
  json["tag"] = tag;
  json["generation"] = generation;
  json["parts"] = Json::array();
  for (const PartPlan& part : parts) {
    json["parts"].push_back({part.source_first, part.cache_first, part.records});
  }
  json["labels"] = labels;
  return dump(json);
}

WritePlan WritePlan::from_json(std::string_view text) {
  try {
    const Json json = Json::parse(text);
    WritePlan plan;
    plan.folder = json.at("folder").get<std::string>();
    json.at("source").get_to(plan.source);
    json.at("tag").get_to(plan.tag);
    json.at("generation").get_to(plan.generation);
    for (size_t i = 0; i < plan.parts.size(); ++i) {
      const auto numbers = json.at("parts").at(i).get<std::array<uint64_t, 3>>();
      plan.parts[i] = {numbers[0], numbers[1], numbers[2]};
    }
    json.at("labels").get_to(plan.labels);
    return plan;
  } catch (const std::exception& error) {
    throw_foreign(error, "WritePlan::from_json");
  }
}

std::string ShardReport::to_json() const {
  Json json;
  json["shards"] = Json::array();
  for (const ShardEntry& shard : shards) json["shards"].push_back(shard_to_json(shard));
  json["sum"] = sum;
  json["square_sum"] = square_sum;
  return dump(json);
}

ShardReport ShardReport::from_json(std::string_view text) {
  try {
    const Json json = Json::parse(text);
    ShardReport report;
    for (const Json& shard : json.at("shards")) report.shards.push_back(shard_from_json(shard));
    json.at("sum").get_to(report.sum);
    json.at("square_sum").get_to(report.square_sum);
    return report;
  } catch (const std::exception& error) {
    throw_foreign(error, "ShardReport::from_json");
  }
}

}  // namespace podium::io
