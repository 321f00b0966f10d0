// From the checked configuration to what a search needs, beside its space and methods.
#pragma once

#include <chrono>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>

#include "config.hpp"
#include "search/child.hpp"
#include "search/layout.hpp"
#include "search/method.hpp"
#include "search/theta_store.hpp"
#include "workflow/settings.hpp"

namespace podium {

struct SearchSettings {
  std::string space;
  search::MethodOptions method;
  search::AdamOptions adam;
  search::ChildOptions child;
  io::DatasetOptions slice;   // that children see; without their budget of memory
  size_t samples = 0;         // 0: no limit
  double seconds = 0;         // 0: no limit
  double max_mflops = 0;      // 0: no limit
  uint64_t child_memory = 0;  // 0: chosen
  std::chrono::milliseconds silence{0};
};

// Throws usage_error for a search without an end, or a recipe that makes no sense.
SearchSettings search_settings(const Config& config);

// What must be equal for a search to go on from a checkpoint: space, methods, layout, and all that
// decides the reward of a network.
nlohmann::ordered_json search_identity(const Config& config, const search::SearchLayout& layout,
                                       const nlohmann::ordered_json& data);

// All that decides the reward of a network, beside itself.
nlohmann::ordered_json reward_identity(const SearchSettings& settings,
                                       const nlohmann::ordered_json& data);

// An input file for `train` and `run` whose one model, `winner`, is `architecture`, on the data and
// with the recipe of `config`.
std::string winner_file(const Config& config, const std::string& architecture,
                        const std::string& comment);

}  // namespace podium
