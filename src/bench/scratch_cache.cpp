#include "bench/scratch_cache.hpp"

#include <unistd.h>

#include "bench/samples.hpp"
#include "io/files/atomic_file.hpp"
#include "io/sources/place.hpp"

namespace podium::bench {

ScratchCache::ScratchCache(const std::filesystem::path& parent, const std::string& source,
                           const Log& log)
    : folder_(parent / ("bench-" + std::to_string(getpid()) + "-" + io::name_from(source))) {
  io::create_folder(folder_);
  options_.source = source;
  options_.cache_dir = folder_;
  options_.validation_records = 500;
  options_.memo.mode = io::MemoMode::never;
  options_.log = log.at_most(LogLevel::warning);
  rebuild();
}

ScratchCache::~ScratchCache() {
  std::error_code error;
  std::filesystem::remove_all(folder_, error);
  if (error) warn_in_destructor("removal of a benchmark's cache", error.message().c_str());
}

double ScratchCache::rebuild() {
  return seconds_of([this] {
    io::Ingest ingest(options_);
    const io::Decision decision = ingest.decide();
    ingest.finish({ingest.write_part(*decision.plan, 0, 1)});
    path_ = decision.path;
    bytes_ = decision.bytes;
  });
}

}  // namespace podium::bench
