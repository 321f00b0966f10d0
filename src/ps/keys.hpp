// KeyMap: which server holds which part of Θ.
//
// Θ is one flat vector of floats, made of named buffers one after the other. It is cut into as many
// ranges of about equal size as there are servers: a cut goes through a buffer of more than
// `split_values` (between two of its rows), and otherwise to the nearest end of a buffer. Each
// server is the home of one range. Every process computes the same map from the same buffers and
// options: it never travels.
//
// The backups of a range are the next servers after its home, in a circle.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "ps/message.hpp"
#include "ps/options.hpp"

namespace podium::ps {

struct NamedSize {
  std::string name;
  size_t values = 0;
  size_t row = 1;  // values that stay together: a row of a table that is used by keys
};

class KeyMap {
 public:
  // Throws usage_error: no servers, more than 4,096, more backups than other servers, no values.
  KeyMap(std::vector<NamedSize> buffers, const GroupOptions& options);

  size_t values() const { return cuts_.back(); }  // of Θ
  int servers() const { return static_cast<int>(cuts_.size()) - 1; }
  int replicas() const { return replicas_; }
  const std::vector<NamedSize>& buffers() const { return buffers_; }

  // The range whose home is `server`; empty where there are more servers than values.
  Segment range_of(int server) const;
  // The part of [first, first + count) in the range of `server`; empty: {first, 0}.
  Segment part_of(int server, size_t first, size_t count) const;
  // Whether `server` holds the range of `home`, as its home or as a backup.
  bool holds(int server, int home) const;
  // The server that is to answer for the range of `home`, where `usable[s]` says who can: `home`
  // itself, or the first of its backups that can; -1: it is lost.
  int serving(int home, const std::vector<bool>& usable) const;

 private:
  std::vector<NamedSize> buffers_;
  int replicas_ = 0;
  std::vector<size_t> cuts_;  // servers + 1, ascending, from 0 to values
};

}  // namespace podium::ps
