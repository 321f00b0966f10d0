#include "io/cache/cache_check.hpp"

#include "core/error.hpp"
#include "io/cache/shard.hpp"

namespace podium::io {
namespace {

// Throws data_error unless every shard is there and as the manifest lists it.
void verify_shards(const std::filesystem::path& folder, const Manifest& manifest) {
  uint64_t bytes = 0;
  for (const ShardEntry& shard : manifest.shards) bytes += shard.bytes;
  for (const ShardEntry& shard : manifest.shards) {
    const std::filesystem::path path = folder / shard.file;
    const Seal seal = bytes <= whole_check_bytes ? verify_seal(path, shard_schema)
                                                 : read_seal(path, shard_schema);
    if (seal.xxh3 != shard.xxh3 || seal.bytes != shard.bytes) {
      throw data_error("a shard is not the one that the manifest lists", path.string(),
                       shard_schema.remedy);
    }
  }
}

}  // namespace

std::optional<Manifest> sound_cache(const std::filesystem::path& folder, std::string& reason) {
  std::error_code ignored;
  if (!std::filesystem::exists(folder / manifest_file, ignored)) {
    reason = "there is no cache of this source, transforms and split yet";
    return {};
  }
  try {
    if (read_seal(folder / manifest_file, cache_schema).version != cache_schema.version) {
      reason = "the cache has an older format version";
      return {};
    }
    Manifest manifest = read_manifest(folder / manifest_file);
    verify_shards(folder, manifest);
    return manifest;
  } catch (const Error& error) {
    reason = std::string("the cache cannot be used: ") + error.what();
    return {};
  }
}

std::optional<Manifest> readable_manifest(const std::filesystem::path& folder) {
  std::error_code ignored;
  if (!std::filesystem::exists(folder / manifest_file, ignored)) return {};
  try {
    return read_manifest(folder / manifest_file);
  } catch (const Error&) {
    return {};
  }
}

}  // namespace podium::io
