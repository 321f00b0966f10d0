// Writing one rank's share of a plan: its shards, in constant memory.
//
// The two parts are written side by side, and while one batch is being written the next is read
// from the source by a further thread. Whatever the size of the set, memory holds four batches of
// at most 32 MiB each.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "core/trace.hpp"
#include "io/cache/write_plan.hpp"
#include "io/sources/source.hpp"

namespace podium::io {

// Who hears what is written, each batch.
struct WriteWatch {
  Tracer* tracer = nullptr;                                       // null: nobody
  std::function<void(uint64_t done, uint64_t total)> on_advance;  // records; by one thread
};

// Writes the shards of `rank` out of `ranks`: an even, contiguous range of each part's records.
// `validation` (ascending, of the cache's train part) stays out of the sums; `watch` hears of
// each batch. Throws what reading `source` throws, data_error for a label without a place in the
// cache, io_error.
ShardReport write_share(const WritePlan& plan, const Source& source,
                        const std::vector<uint32_t>& validation, uint64_t rank, uint64_t ranks,
                        const WriteWatch& watch);

// Removes what `rank` has published of `plan`: for a share that failed half-way.
void remove_shards_of(const WritePlan& plan, uint64_t rank, uint64_t ranks);

}  // namespace podium::io
