// The ingest step: all ranks of a group bring the cache up to date together.
#pragma once

#include <filesystem>
#include <string>

#include "comm/communicator.hpp"
#include "io/cache/ingest.hpp"

namespace podium::workflow {

struct IngestOutcome {
  std::filesystem::path cache;  // for io::Dataset::open()
  bool reused = false;
  std::string reason;
  uint64_t records = 0;
  uint64_t bytes = 0;       // of image data
  uint64_t appended = 0;    // records that were added to an earlier cache
  uint64_t generation = 0;  // of the cache: counts its appends
  double seconds = 0;
  uint64_t peak_rss_bytes = 0;  // of the largest rank of the group
};

// Collective over `group`; every rank returns the same outcome. Rank 0 decides whether the cache is
// current; if not, each rank writes its part and rank 0 completes it with the manifest.
IngestOutcome ingest_together(const io::IngestOptions& options, comm::Communicator& group);

}  // namespace podium::workflow
