// Pods: the nodes of a job, who does what on each of them, and how many bytes went where.
//
// A pod is a box with its train engine (green), its checkpoint engine (blue) and its inference
// engine (orange). Trainers feed the checkpoint ranks, a dashed arrow leads back, and checkpoint
// ranks feed the inference side of every pod by broadcast. Pods stand one below the other. Pure.
#pragma once

#include <string>
#include <vector>

#include "picture/svg.hpp"

namespace podium::picture {

struct Pod {
  std::string name = {};                                            // of the node
  std::vector<int> ingest = {}, train = {}, ckpt = {}, serve = {};  // ranks, ascending
  int replicas = 0;         // inference workers; 0: not known
  Words to_ckpt = {};       // from trainers to its checkpoint ranks
  Words to_inference = {};  // from these to its replicas
};

// What is written where edges leave or join pods; empty: such an edge is drawn without words, or
// not at all where it leads outside.
struct PodEdges {
  Words to_train = {};   // from outside to the trainers
  Words broadcast = {};  // between pods
  Words requests = {};   // from clients
};

struct PodPicture {
  About about = {};
  std::vector<Pod> pods = {};
  PodEdges edges;
};

inline constexpr size_t most_blocks = 4;  // of a role in a pod; more ranks share the last one
inline constexpr size_t most_pods = 8;

std::string draw(const PodPicture& picture);

// Ascending ranks as "0, 2-5".
std::string ranks_text(const std::vector<int>& ranks);

// What is written on the blocks of `ranks`, one a rank; "+ 7 ranks" stands for those left.
std::vector<std::string> block_texts(const std::vector<int>& ranks);

}  // namespace podium::picture
