// Which ranks of which nodes had which roles, and how many bytes went between them.
#include <algorithm>
#include <map>

#include "picture/pods.hpp"
#include "report/drawn.hpp"
#include "report/sections.hpp"

namespace podium::report {
namespace {

struct Layout {
  std::map<std::string, std::vector<int>> ranks;  // by role
  std::map<int, std::string> nodes;               // by rank, as far as they are known
};

Layout told_at_start(const Place& started) {
  Layout layout;
  if (!started["roles"]) return layout;
  for (const auto& [role, ranks] : started["roles"].json().items()) {
    if (!ranks.is_array()) continue;
    for (const Json& rank : ranks) {
      if (rank.is_number_integer()) layout.ranks[role].push_back(rank.get<int>());
    }
  }
  for (size_t rank = 0; rank < started["nodes"].size(); ++rank) {
    layout.nodes[static_cast<int>(rank)] = started["nodes"][rank].text();
  }
  return layout;
}

// Of runs that did not say at their start: what each role said at its end.
Layout told_on_the_way(const RunData& run) {
  Layout layout;
  for (const Place& left : own_events(run, "left")) {
    layout.ranks[left["role"].text()].push_back(static_cast<int>(left["rank"].number_or(0)));
  }
  for (const Place& serving : own_events(run, "serving")) {
    layout.nodes[static_cast<int>(serving["rank"].number_or(0))] = serving["node"].text();
  }
  for (auto& [role, ranks] : layout.ranks) std::ranges::sort(ranks);
  return layout;
}

std::vector<int>* ranks_of(picture::Pod& pod, const std::string& role) {
  if (role == "ingest") return &pod.ingest;
  if (role == "train") return &pod.train;
  if (role == "ckpt") return &pod.ckpt;
  if (role == "serve") return &pod.serve;
  return nullptr;
}

// A pod is a node; ranks of which nobody said where they were share the first one.
std::vector<picture::Pod> pods_of(const Layout& layout, double replicas) {
  const std::string somewhere = layout.nodes.empty() ? "one node" : layout.nodes.begin()->second;
  std::vector<picture::Pod> pods;
  size_t serving = 0;
  for (const auto& [role, ranks] : layout.ranks) {
    for (const int rank : ranks) {
      const auto node = layout.nodes.find(rank);
      const std::string& name = node == layout.nodes.end() ? somewhere : node->second;
      auto pod = std::ranges::find(pods, name, &picture::Pod::name);
      if (pod == pods.end()) pod = pods.insert(pods.end(), {.name = name});
      if (std::vector<int>* own = ranks_of(*pod, role)) own->push_back(rank);
      if (role == "serve") ++serving;
    }
  }
  const double of_each = serving > 0 ? replicas / static_cast<double>(serving) : 0;
  for (picture::Pod& pod : pods) {
    pod.replicas = static_cast<int>(of_each * static_cast<double>(pod.serve.size()));
  }
  std::ranges::sort(pods, {}, &picture::Pod::name);
  return pods;
}

double sum_of(const std::vector<Place>& events, const char* key) {
  double sum = 0;
  for (const Place& event : events) sum += event[key].number_or(0);
  return sum;
}

// What clients asked for, over all serving ranks.
double requests_of(const RunData& run) {
  double sum = 0;
  for (const Place& drained : own_events(run, "drained")) {
    sum += drained["stats"]["requests"].number_or(0);
  }
  return sum > 0 ? sum : run.result()["requests"].number_or(0);
}

// Of a model each ckpt rank holds a part, which it gets from the trainers. Every pod's replicas get
// all of it: what its ckpt ranks do not hold comes from those of other pods.
void tell_bytes(const RunData& run, const Layout& layout, picture::PodPicture& picture,
                Page& page) {
  const std::vector<Place> moved = own_events(run, "moved");
  const auto found = layout.ranks.find("ckpt");
  if (moved.empty() || found == layout.ranks.end()) return;
  const std::vector<int>& holders = found->second;
  const double all = sum_of(moved, "bytes");
  double sent = 0;
  for (size_t i = 0; i < picture.pods.size(); ++i) {
    picture::Pod& pod = picture.pods[i];
    double own = 0;
    for (const Place& move : moved) {
      for (size_t k = 0; k < holders.size(); ++k) {
        if (std::ranges::count(pod.ckpt, holders[k]) > 0)
          own += move["shard_bytes"][k].number_or(0);
      }
    }
    const auto kept = [&](const char* edge, double bytes) {
      return page.keep(name_of(run, edge + std::to_string(i)), bytes);
    };
    if (!pod.ckpt.empty()) pod.to_ckpt = told("", kept("bytes-to-ckpt-", own), As::bytes);
    if (pod.serve.empty()) continue;
    pod.to_inference = told("", kept("bytes-to-inference-", all), As::bytes);
    sent += all - own;
  }
  picture.edges.broadcast =
      told("broadcast: ", page.keep(name_of(run, "bytes-broadcast"), sent), As::bytes);
}

picture::PodEdges edges_of(const RunData& run, Page& page) {
  picture::PodEdges edges;
  const std::vector<Place> ingested = own_events(run, "ingested");
  if (!ingested.empty()) edges.to_train = told("data: ", ingested.back()["bytes"], As::bytes);
  const double requests = requests_of(run);
  if (requests > 0) {
    edges.requests = told("clients: ", page.keep(name_of(run, "requests"), requests), As::count,
                          requests == 1 ? " request" : " requests");
  }
  return edges;
}

Markup caption_of(const RunData& run, size_t pods, Page& page) {
  const std::vector<Place> moved = own_events(run, "moved");
  Markup text;
  if (!moved.empty()) {
    text += page.derived(name_of(run, "moves"), moved.size(), As::count);
    text += moved.size() == 1 ? " version went" : " versions went";
    text += " from the trainers to ckpt ranks and on to the replicas, the last one (";
    text += quantity(moved.back()["bytes"], As::bytes) + ") in ";
    text += quantity(moved.back()["seconds"], As::seconds) + ". ";
  }
  text += pods == 1 ? "All ranks shared one node. "
                    : "Each box is a node; broadcast joins their checkpoint engines. ";
  text += "Dashed: checkpoints from which training goes on.";
  return text;
}

Markup pods_of_run(const RunData& run, Page& page) {
  Layout layout = told_at_start(run.last("started"));
  if (layout.ranks.empty()) layout = told_on_the_way(run);
  const std::vector<Place> moved = own_events(run, "moved");
  const bool of_several = layout.ranks.contains("train") && layout.ranks.contains("serve");
  if (!of_several) return {};
  picture::PodPicture picture;
  picture.pods = pods_of(layout, moved.empty() ? 0 : moved.back()["workers"].number_or(0));
  picture.edges = edges_of(run, page);
  tell_bytes(run, layout, picture, page);
  picture.about = {name_of(run, "pods"), "Roles of the ranks of " + run.name,
                   "Nodes as boxes with their train, checkpoint and inference engines, and the "
                   "bytes that went between them."};
  return figure(drawing(picture::draw(picture)), caption_of(run, picture.pods.size(), page));
}

}  // namespace

void pods_section(const std::vector<RunData>& runs, Page& page) {
  section_of_each(runs, page, "pods", "Who did what", pods_of_run);
}

}  // namespace podium::report
