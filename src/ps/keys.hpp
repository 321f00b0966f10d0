// KeyMap: which server holds which part of Θ.
//
// Θ is one flat vector of floats, made of named buffers one after the other. A buffer above
// `split_values` is cut into equal pieces; pieces go to servers by size, the largest first, each to
// the server that has least (ties: the lower one). Neighbouring pieces of one server are one range.
// Every process computes the same map from the same buffers and options: it never travels.
//
// The backups of a range are the next servers after its primary, in a circle.
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
};

class KeyMap {
 public:
  // Throws usage_error: no servers, more backups than other servers, no values.
  KeyMap(std::vector<NamedSize> buffers, const GroupOptions& options);

  size_t values() const { return values_; }  // of Θ
  int servers() const { return static_cast<int>(held_.size()); }
  int replicas() const { return replicas_; }
  const std::vector<NamedSize>& buffers() const { return buffers_; }

  // The segments whose primary `server` is while all live, ascending.
  std::span<const Segment> held_by(int server) const { return held_[static_cast<size_t>(server)]; }
  // The server that is to answer for what `home` holds, where `alive[s]` says who lives: `home`
  // itself, or the first of its backups that lives; -1: it is lost.
  int serving(int home, std::span<const bool> alive) const;
  // The parts of [first, first + count) that `home` holds, ascending.
  std::vector<Segment> part_of(int home, size_t first, size_t count) const;

 private:
  std::vector<NamedSize> buffers_;
  size_t values_ = 0;
  int replicas_ = 0;
  std::vector<std::vector<Segment>> held_;
};

}  // namespace podium::ps
