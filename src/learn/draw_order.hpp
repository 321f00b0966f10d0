// DrawOrder: which experience of a buffer is drawn first.
//
//   fifo      the one whose rollout was ordered first
//   priority  the one of the highest priority; of equals the least used, then as fifo
//
// An order depends on the experiences alone, not on when they came: explorers may be quick or slow.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "learn/experience.hpp"

namespace podium::learn {

enum class BufferOrder { fifo, priority };

// Throws usage_error for an unknown name.
BufferOrder buffer_order(const std::string& name);

class DrawOrder {
 public:
  virtual ~DrawOrder() = default;
  virtual void add(const Experience& experience) = 0;
  // REQUIRES: it was added as it is now: remove it before its priority or uses change.
  virtual void remove(const Experience& experience) = 0;
  // REQUIRES: size() > 0. The id.
  virtual uint64_t first() const = 0;
  virtual size_t size() const = 0;
};

std::unique_ptr<DrawOrder> make_draw_order(BufferOrder order);

}  // namespace podium::learn
