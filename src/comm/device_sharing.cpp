#include "comm/device_sharing.hpp"

#include <algorithm>
#include <sstream>

#include "comm/broadcast.hpp"
#include "comm/gather.hpp"
#include "core/error.hpp"

namespace podium::comm {
namespace {

constexpr int root = 0;
constexpr char separator = '\t';

std::string to_line(const RankDevice& rank) {
  require(rank.host.find_first_of("\t\n") == std::string::npos &&
              rank.device.find_first_of("\t\n") == std::string::npos,
          "the name of a host or device has a tab or a line break", "share_devices");
  return rank.host + separator + rank.device + '\n';
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line;
  return text;
}

std::vector<RankDevice> parse_lines(const std::string& text) {
  std::vector<RankDevice> ranks;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const size_t end = line.find(separator);
    ranks.push_back({line.substr(0, end), line.substr(end + 1)});
  }
  return ranks;
}

// "0, 1 and 3"
std::string enumerate(const std::vector<int>& ranks) {
  std::string text;
  for (size_t i = 0; i < ranks.size(); ++i) {
    if (i > 0) text += i + 1 == ranks.size() ? " and " : ", ";
    text += std::to_string(ranks[i]);
  }
  return text;
}

ExchangeChoice by_hosts(const std::string& reason) {
  return {false, "gradients go by way of the hosts, over MPI: " + reason};
}

}  // namespace

std::vector<RankDevice> share_devices(Communicator& group, const RankDevice& mine) {
  const std::vector<std::string> lines = gather_texts(group, to_line(mine), root);
  return parse_lines(broadcast_text(group, joined(lines), root));
}

std::vector<std::vector<int>> ranks_by_device(const std::vector<RankDevice>& ranks) {
  std::vector<std::vector<int>> groups;
  for (size_t rank = 0; rank < ranks.size(); ++rank) {
    if (ranks[rank].device.empty()) continue;
    const auto same = std::ranges::find_if(groups, [&](const std::vector<int>& group) {
      return ranks[static_cast<size_t>(group.front())] == ranks[rank];
    });
    if (same == groups.end()) {
      groups.push_back({static_cast<int>(rank)});
    } else {
      same->push_back(static_cast<int>(rank));
    }
  }
  return groups;
}

ExchangeChoice choose_exchange(const std::vector<RankDevice>& ranks,
                               const std::string& why_no_nccl) {
  const auto on_cpu = [](const RankDevice& rank) { return rank.device.empty(); };
  if (ranks.size() < 2 || std::ranges::all_of(ranks, on_cpu)) return {};
  const auto cpu = std::ranges::find_if(ranks, on_cpu);
  if (cpu != ranks.end()) {
    return by_hosts("rank " + std::to_string(cpu - ranks.begin()) + " computes on a CPU");
  }
  for (const std::vector<int>& group : ranks_by_device(ranks)) {
    if (group.size() == 1) continue;
    return by_hosts("ranks " + enumerate(group) + " share a GPU of host " +
                    ranks[static_cast<size_t>(group.front())].host +
                    "; start one rank per GPU for NCCL");
  }
  if (!why_no_nccl.empty()) return by_hosts(why_no_nccl);
  return {true, ""};
}

}  // namespace podium::comm
