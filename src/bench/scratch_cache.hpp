// A cache that a benchmark builds, alone, with one rank, and removes.
#pragma once

#include <filesystem>
#include <string>

#include "core/log.hpp"
#include "io/cache/ingest.hpp"

namespace podium::bench {

class ScratchCache {
 public:
  // Builds the cache of `source` in a new folder below `parent`. Throws what ingest throws.
  ScratchCache(const std::filesystem::path& parent, const std::string& source, const Log& log);
  ~ScratchCache();
  ScratchCache(const ScratchCache&) = delete;
  ScratchCache& operator=(const ScratchCache&) = delete;

  const std::filesystem::path& path() const { return path_; }      // of the cache
  const std::filesystem::path& folder() const { return folder_; }  // for files beside it

  // Builds it once more. Returns the seconds it took.
  double rebuild();

  uint64_t bytes() const { return bytes_; }  // of image data

 private:
  io::IngestOptions options_;
  std::filesystem::path folder_;
  std::filesystem::path path_;
  uint64_t bytes_ = 0;
};

}  // namespace podium::bench
