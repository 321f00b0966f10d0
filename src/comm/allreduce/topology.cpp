#include "comm/allreduce/topology.hpp"

#include <sched.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>

#include "comm/broadcast.hpp"
#include "comm/gather.hpp"
#include "comm/nccl_support.hpp"
#include "core/error.hpp"

namespace podium::comm {
namespace {

// Cores that the launcher's binding leaves this rank.
int own_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return std::max(1, CPU_COUNT(&set));
}

}  // namespace

const std::vector<int>& Topology::node_of(int rank) const {
  const auto found = std::ranges::find_if(nodes, [rank](const std::vector<int>& ranks) {
    return std::ranges::find(ranks, rank) != ranks.end();
  });
  require(found != nodes.end(), "a rank is on no node", "Topology");
  return *found;
}

int Topology::least_ranks() const {
  size_t least = nodes.front().size();
  for (const std::vector<int>& ranks : nodes) least = std::min(least, ranks.size());
  return static_cast<int>(least);
}

std::string node_name() {
  std::string boot;
  std::getline(std::ifstream("/proc/sys/kernel/random/boot_id"), boot);
  return exchange_host() + " " + boot;
}

std::vector<std::string> share_texts(Communicator& group, const std::string& text) {
  require(text.find('\n') == std::string::npos, "a text has a line break", "share_texts");
  std::string lines;
  for (const std::string& line : gather_texts(group, text, 0)) lines += line + '\n';
  std::istringstream all(broadcast_text(group, lines, 0));
  std::vector<std::string> texts;
  for (std::string line; std::getline(all, line);) texts.push_back(line);
  return texts;
}

Topology find_topology(Communicator& group, const std::string& name) {
  const std::vector<std::string> texts =
      share_texts(group, std::to_string(own_cores()) + " " + name);
  Topology topology;
  std::map<std::string, size_t> known;
  std::vector<int> cores;  // of each node, as far as its most fortunate rank sees them
  for (size_t rank = 0; rank < texts.size(); ++rank) {
    const size_t blank = texts[rank].find(' ');
    const int its_cores = std::stoi(texts[rank].substr(0, blank));
    const auto [place, fresh] = known.emplace(texts[rank].substr(blank + 1), topology.nodes.size());
    if (fresh) {
      topology.nodes.emplace_back();
      cores.push_back(0);
    }
    topology.nodes[place->second].push_back(static_cast<int>(rank));
    // A rank that is bound to one core of its own adds that one; unbound ranks all see the same.
    cores[place->second] = std::max(cores[place->second], its_cores);
  }
  for (size_t node = 0; node < topology.nodes.size(); ++node) {
    const bool bound = cores[node] == 1;
    topology.crowded |= !bound && static_cast<int>(topology.nodes[node].size()) > cores[node];
  }
  return topology;
}

}  // namespace podium::comm
