// From the checked configuration to what `podium learn` needs, beside the settings of all verbs.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "config.hpp"
#include "learn/buffer.hpp"
#include "learn/explorer_task.hpp"
#include "learn/learner.hpp"
#include "learn/mode.hpp"
#include "learn/pace.hpp"

namespace podium {

struct LearnSettings {
  learn::ExplorerTask task;  // without its cache
  learn::ModeSettings mode;
  learn::LearnerOptions learner;  // without what depends on the data
  learn::BufferOptions buffer;
  int batch = 0;         // experiences
  int threads = 1;       // of a trainer; 0: chosen
  uint64_t batches = 0;  // 0: no limit
  double seconds = 0;    // 0: no limit
  double until_return = 0;
  bool has_target = false;  // that return
  size_t window = 100;      // episodes
  int evaluation = 100;     // episodes
  bool profile = false;
  std::chrono::milliseconds silence{0};
  std::string listen;
  std::filesystem::path join;  // empty: this job learns

  bool on_images() const { return task.environment == "image_bandit"; }
  learn::PaceOptions pace() const;
};

// Throws usage_error for settings that make no sense, or an end that never comes.
LearnSettings learn_settings(const Config& config, int explorers, int trainers);

// What must be equal for learning to go on from a checkpoint.
nlohmann::ordered_json learn_identity(const Config& config, int trainers,
                                      const nlohmann::ordered_json& data);

}  // namespace podium
