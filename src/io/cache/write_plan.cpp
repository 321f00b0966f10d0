#include "io/cache/write_plan.hpp"

#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "core/error.hpp"
#include "io/cache/shard_json.hpp"

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
    plan.generation = whole_number(json.at("generation"));
    for (size_t i = 0; i < plan.parts.size(); ++i) {
      const Json& part = json.at("parts").at(i);
      plan.parts[i] = {whole_number(part.at(0)), whole_number(part.at(1)),
                       whole_number(part.at(2))};
    }
    for (const Json& label : json.at("labels")) {
      const uint64_t number = whole_number(label);
      if (number > std::numeric_limits<uint8_t>::max()) throw std::out_of_range("a label");
      plan.labels.push_back(static_cast<uint8_t>(number));
    }
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
    for (const Json& sum : json.at("sum")) report.sum.push_back(whole_number(sum));
    for (const Json& sum : json.at("square_sum")) report.square_sum.push_back(whole_number(sum));
    return report;
  } catch (const std::exception& error) {
    throw_foreign(error, "ShardReport::from_json");
  }
}

}  // namespace podium::io
