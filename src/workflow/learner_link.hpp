// LearnerLink: a service that learns from its clients' feedback (docs/learn.md).
//
// Feedback goes to a job that learns, and the weights that come back are published in the service's
// own registry, in the place of the model that is current there: the service takes them from there
// as it takes every new version.
#pragma once

#include <deque>
#include <filesystem>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <span>

#include "ckpt/registry.hpp"
#include "core/log.hpp"
#include "learn/service_explorer.hpp"
#include "workflow/settings.hpp"

namespace podium::workflow {

// Publishes weights. Of the versions that it has published, the latest five stay.
class LearntVersions {
 public:
  explicit LearntVersions(std::filesystem::path registry);

  // Weights of the architecture that is current. Returns the number of the new version. Throws
  // unavailable_error when they are of another, and what the registry throws.
  int publish(const learn::Version& version, std::span<const float> parameters);

 private:
  ckpt::Registry registry_;
  std::deque<std::filesystem::path> published_;  // the oldest first
};

// Null without --serve.learner.
std::shared_ptr<learn::ServiceExplorer> make_learner_link(const Settings& settings, const Log& log);

nlohmann::ordered_json to_json(const learn::ServiceExplorerStats& stats);

}  // namespace podium::workflow
