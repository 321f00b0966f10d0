// Retention: which checkpoints of a run stay when a newer one is there. Pure functions.
#pragma once

#include <cstdint>
#include <set>
#include <span>

#include "ckpt/interval.hpp"
#include "ckpt/marker.hpp"

namespace podium::ckpt {

struct Retention {
  int newest = 2;     // so many stay in any case, at least one
  bool best = false;  // the one with the best validation accuracy, of those at the end of an epoch
  Interval every;     // one of each so many epochs or steps stays for good

  // Whether anything stays when a run is finished.
  bool keeps_some() const { return best || every.unit != Interval::Unit::never; }
};

// The steps of those that stay. `markers` ascend by step. REQUIRES: retention.every counts no time.
std::set<int64_t> kept_steps(std::span<const Marker> markers, const Retention& retention);

}  // namespace podium::ckpt
