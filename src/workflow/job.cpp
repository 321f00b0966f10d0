#include "workflow/job.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "core/error.hpp"

namespace podium::workflow {

int TrainerGroups::group_of(int rank) const {
  for (size_t group = 0; group < ranks.size(); ++group) {
    if (std::ranges::binary_search(ranks[group], rank)) return static_cast<int>(group);
  }
  return -1;
}

TrainerGroups plan_groups(const std::vector<int>& trainers, size_t models, int wanted) {
  if (wanted > static_cast<int>(trainers.size())) {
    throw usage_error("train.groups asks for " + std::to_string(wanted) + " groups of " +
                          std::to_string(trainers.size()) + " trainer ranks",
                      "--train.groups", "ask for fewer groups or give more ranks to train");
  }
  const size_t chosen = trainers.size() >= models ? models : 1;
  const size_t count = std::min(wanted > 0 ? static_cast<size_t>(wanted) : chosen, models);
  TrainerGroups groups;
  groups.ranks.resize(count);
  groups.work.resize(count);
  for (size_t group = 0; group < count; ++group) {
    const size_t first = trainers.size() * group / count;
    const size_t last = trainers.size() * (group + 1) / count;
    groups.ranks[group].assign(trainers.begin() + static_cast<ptrdiff_t>(first),
                               trainers.begin() + static_cast<ptrdiff_t>(last));
  }
  for (size_t model = 0; model < models; ++model) groups.work[model % count].push_back(model);
  return groups;
}

std::string node_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

}  // namespace podium::workflow
