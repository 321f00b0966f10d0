// Topology: which ranks of a group share a node, and whether they have cores enough.
#pragma once

#include <string>
#include <vector>

#include "comm/communicator.hpp"

namespace podium::comm {

struct Topology {
  std::vector<std::vector<int>> nodes;  // ranks of each, ascending; nodes by their first rank
  bool crowded = false;                 // some node has more ranks than cores

  // The node of `rank`.
  const std::vector<int>& node_of(int rank) const;
  // Ranks on the smallest node.
  int least_ranks() const;
};

// What tells this machine from others that may bear the same name: host name and boot.
std::string node_name();

// Collective: all ranks return the same. Each says where it runs; `name` is node_name(), or what a
// test makes of it.
Topology find_topology(Communicator& group, const std::string& name);

// One text from every rank, in order, on every rank. No text has a line break. Collective.
std::vector<std::string> share_texts(Communicator& group, const std::string& text);

}  // namespace podium::comm
