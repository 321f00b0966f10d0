// A child as a worker process: trains one network after the other and tells their rewards.
//
//   from the search   {train: architecture text}
//   to the search     {trains} at once and now and then, {epoch, accuracy}; at last
//                     {done, reward, epochs, seconds, reason, repeatable}
//
// It ends as soon as its rank is gone, also in the middle of a network. A limit on its memory makes
// a network that needs too much a reward of 0, not the end of the node.
#pragma once

#include <cstdint>
#include <filesystem>

#include "core/channel.hpp"
#include "core/log.hpp"
#include "core/trace.hpp"
#include "search/child_training.hpp"

namespace podium::search {

struct ChildData {
  std::filesystem::path cache;
  io::DatasetOptions dataset;  // with the slice that is seen
};

// Where a child tells what it trains.
struct ChildTelling {
  Log log;
  Tracer* tracer = nullptr;  // each training is a span of it; null: none
};

// Runs until the search ends the channel. `memory_bytes` is what the process may take beside what
// it has; 0: no limit. Throws what opening and reading the data throws.
void run_child(Channel& channel, const ChildData& data, const ChildOptions& options,
               uint64_t memory_bytes, const ChildTelling& telling = {});

}  // namespace podium::search
