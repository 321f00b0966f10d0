#include "io/cache/manifest.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "core/hash.hpp"
#include "io/cache/shard_json.hpp"
#include "io/files/hdf5_file.hpp"

namespace podium::io {
namespace {

using Json = nlohmann::ordered_json;

constexpr uint64_t records_limit = uint64_t{1} << 32;      // of one part
constexpr uint64_t image_bytes_limit = uint64_t{1} << 28;  // more than any source gives

Json to_json(const Append& append) {
  return {{"generation", append.generation}, {"source", append.source},
          {"digest", append.digest},         {"own", append.own},
          {"records", append.records},       {"at", append.at}};
}

Append append_from(const Json& json) {
  Append append;
  append.generation = whole_number(json.at("generation"));
  json.at("source").get_to(append.source);
  json.at("digest").get_to(append.digest);
  json.at("own").get_to(append.own);
  append.records = whole_number(json.at("records"));
  json.at("at").get_to(append.at);
  return append;
}

Json to_json(const Manifest& manifest) {
  Json json;
  json["name"] = manifest.name;
  json["source"] = manifest.source;
  json["location"] = manifest.location;
  json["digest"] = manifest.digest;
  json["source_digest"] = manifest.source_digest;
  json["source_records"] = manifest.source_records;
  json["source_train_records"] = manifest.source_train_records;
  json["transform"] = manifest.transform;
  json["built"] = manifest.built;
  json["updated"] = manifest.updated;
  json["shape"] = {manifest.shape.height, manifest.shape.width, manifest.shape.channels};
  json["class_names"] = manifest.class_names;
  json["train_records"] = manifest.train_records;
  json["test_records"] = manifest.test_records;
  json["split_seed"] = manifest.split_seed;
  json["mean"] = manifest.mean;
  json["stddev"] = manifest.stddev;
  json["generation"] = manifest.generation;
  json["appends"] = Json::array();
  for (const Append& append : manifest.appends) json["appends"].push_back(to_json(append));
  json["shards"] = Json::array();
  for (const ShardEntry& shard : manifest.shards) json["shards"].push_back(shard_to_json(shard));
  return json;
}

Manifest from_json(const Json& json) {
  Manifest manifest;
  json.at("name").get_to(manifest.name);
  json.at("source").get_to(manifest.source);
  json.at("location").get_to(manifest.location);
  json.at("digest").get_to(manifest.digest);
  json.at("source_digest").get_to(manifest.source_digest);
  manifest.source_records = whole_number(json.at("source_records"));
  manifest.source_train_records = whole_number(json.at("source_train_records"));
  json.at("transform").get_to(manifest.transform);
  json.at("built").get_to(manifest.built);
  json.at("updated").get_to(manifest.updated);
  const Json& shape = json.at("shape");
  manifest.shape = {whole_number(shape.at(0)), whole_number(shape.at(1)),
                    whole_number(shape.at(2))};
  json.at("class_names").get_to(manifest.class_names);
  manifest.train_records = whole_number(json.at("train_records"));
  manifest.test_records = whole_number(json.at("test_records"));
  manifest.split_seed = whole_number(json.at("split_seed"));
  json.at("mean").get_to(manifest.mean);
  json.at("stddev").get_to(manifest.stddev);
  manifest.generation = whole_number(json.at("generation"));
  for (const Json& append : json.at("appends")) manifest.appends.push_back(append_from(append));
  for (const Json& shard : json.at("shards")) manifest.shards.push_back(shard_from_json(shard));
  return manifest;
}

bool is_possible(const ImageShape& shape) {
  uint64_t bytes = 1;
  for (const uint64_t side : {shape.height, shape.width, shape.channels}) {
    if (side == 0 || side > image_bytes_limit / bytes) return false;
    bytes *= side;
  }
  return true;
}

// A shard lies in the cache's own folder.
bool is_possible(const ShardEntry& shard, const Manifest& manifest) {
  return !shard.file.empty() && shard.file.find('/') == std::string::npos &&
         shard.records < records_limit && shard.generation <= manifest.generation;
}

bool is_consistent(const Manifest& manifest) {
  const std::vector<uint32_t>& validation = manifest.validation;
  const bool ascending = std::adjacent_find(validation.begin(), validation.end(),
                                            std::greater_equal<>()) == validation.end();
  const bool possible = is_possible(manifest.shape) && manifest.train_records < records_limit &&
                        manifest.test_records < records_limit &&
                        std::ranges::all_of(manifest.shards, [&](const ShardEntry& shard) {
                          return is_possible(shard, manifest);
                        });
  return possible && shards_cover(manifest) && ascending &&
         (validation.empty() || validation.back() < manifest.train_records) &&
         !manifest.class_names.empty() && manifest.mean.size() == manifest.shape.channels &&
         manifest.stddev.size() == manifest.shape.channels &&
         manifest.appends.size() == manifest.generation;
}

}  // namespace

bool shards_cover(const Manifest& manifest) {
  auto shard = manifest.shards.begin();
  for (const Part part : {Part::train, Part::test}) {
    uint64_t covered = 0;
    while (shard != manifest.shards.end() && shard->part == part && shard->first == covered &&
           shard->records > 0) {
      covered += shard->records;
      ++shard;
    }
    if (covered != manifest.records(part)) return false;
  }
  return shard == manifest.shards.end();
}

void write_manifest(const std::filesystem::path& path, const Manifest& manifest) {
  TemporaryFile file(path);
  const std::string text = to_json(manifest).dump();
  Hdf5File hdf5 =
      Hdf5File::create(file, text.size() + manifest.validation.size() * sizeof(uint32_t));
  hdf5.write_attribute("schema", cache_schema.name);
  hdf5.write_attribute("version", std::to_string(cache_schema.version));
  hdf5.write_attribute("manifest", text);
  hdf5.create_dataset<uint32_t>("validation", {manifest.validation.size()}, 0)
      .write(0, std::span<const uint32_t>(manifest.validation));
  hdf5.close();
  sync_folder(path.parent_path());
  seal_and_publish(file, cache_schema);
}

Manifest read_manifest(const std::filesystem::path& path) {
  const Seal seal = verify_seal(path, cache_schema);
  if (seal.version != cache_schema.version) {
    throw data_error("the cache has format version " + std::to_string(seal.version) +
                         ", this program reads " + std::to_string(cache_schema.version),
                     path.string(), cache_schema.remedy);
  }
  const Hdf5File hdf5 = Hdf5File::open(path);
  Manifest manifest;
  try {
    manifest = from_json(Json::parse(hdf5.read_attribute("manifest")));
  } catch (const Json::exception& error) {
    throw data_error(std::string("the manifest is incomplete: ") + error.what(), path.string(),
                     cache_schema.remedy);
  }
  const Hdf5Dataset validation = hdf5.dataset<uint32_t>("validation");
  if (validation.shape().size() != 1 || validation.rows() > seal.bytes / sizeof(uint32_t)) {
    throw data_error("the list of validation records has an impossible size", path.string(),
                     cache_schema.remedy);
  }
  manifest.validation.resize(validation.rows());
  validation.read(0, std::span<uint32_t>(manifest.validation));
  if (!is_consistent(manifest)) {
    throw data_error("the manifest contradicts itself", path.string(), cache_schema.remedy);
  }
  return manifest;
}

}  // namespace podium::io
