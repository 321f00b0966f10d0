// What every transport must keep, checked over whatever carries the messages: sums are exact, reads
// are as fresh as the consistency says, rows and large vectors arrive whole.
//
// Workers add small integers, so that sums have no rounding and a value tells who has added how
// often.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "ps/keys.hpp"
#include "ps/options.hpp"
#include "ps/worker.hpp"

namespace podium::ps::checks {

// A worker of several, all of whom the servers know. `all_here` is reached by all together.
struct Party {
  Worker& worker;
  uint32_t index = 0;
  uint32_t workers = 1;
  std::function<void()> all_here;
};

// What is run: servers with these options and a Θ of zeros, and `body` by every worker.
struct Scene {
  GroupOptions options;
  std::vector<NamedSize> buffers;
  std::function<void(const Party&)> body;

  size_t values() const;
};

Scene bsp_sums();
Scene bsp_steps();
Scene bsp_whole_steps();
Scene ssp_bound(uint64_t staleness);
Scene asp_sums();
Scene sparse_rows(uint32_t width);
Scene large_vectors();

// Each by its name, for loops over all.
std::vector<std::pair<const char*, Scene>> all_scenes();

}  // namespace podium::ps::checks
