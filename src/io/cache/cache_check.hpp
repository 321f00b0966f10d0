// Whether the files of a cache are sound, before it is used or appended to.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "io/cache/manifest.hpp"

namespace podium::io {

// The shards of a cache up to this size are verified bit by bit before the cache is used, so that a
// damaged one is built anew. Of larger caches, which would take long to read, the seals' headers
// are; their chunks are verified by their own checksums when they are read.
inline constexpr uint64_t whole_check_bytes = uint64_t{1} << 30;

// The manifest of the cache in `folder` if there is one and all is sound; otherwise `reason` says
// what is wrong. Thread-safe.
std::optional<Manifest> sound_cache(const std::filesystem::path& folder, std::string& reason);

// The manifest of the cache in `folder`, whatever its shards are like; empty when it cannot be
// read.
std::optional<Manifest> readable_manifest(const std::filesystem::path& folder);

}  // namespace podium::io
