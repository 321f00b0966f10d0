#include "workflow/learner_link.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "train/model_snapshot.hpp"
#include "workflow/model_file.hpp"

namespace podium::workflow {
namespace {

namespace fs = std::filesystem;

constexpr size_t kept_versions = 5;
constexpr const char* learnt_name = "learnt";

// The model of `base` with other weights.
ckpt::Snapshot with_weights(const ckpt::Snapshot& base, const std::string& where,
                            const learn::Version& version, std::span<const float> parameters) {
  const auto model = StoredModel(base, where).make(1, 1);
  const std::span<float> own = model->parameters();
  if (own.size() != parameters.size()) {
    throw unavailable_error("the learner's policy has " + std::to_string(parameters.size()) +
                                " parameters, and this model " + std::to_string(own.size()),
                            where, "learn with --learn.policy set to this model's architecture");
  }
  std::ranges::copy(parameters, own.begin());
  ckpt::Snapshot snapshot{base.card, train::snapshot_of(*model).buffers};
  snapshot.card.erase("evaluation");  // of other weights
  snapshot.card["learnt"] = {{"version", version.number}, {"updates", version.made_at}};
  return snapshot;
}

}  // namespace

LearntVersions::LearntVersions(fs::path registry) : registry_(std::move(registry)) {}

int LearntVersions::publish(const learn::Version& version, std::span<const float> parameters) {
  const auto current = registry_.current();
  if (!current) {
    throw unavailable_error("no model is published", registry_.folder().string(),
                            "publish the model that is to go on learning");
  }
  const ckpt::Snapshot base = ckpt::read_snapshot(current->path);
  const ckpt::Registry::Version made =
      registry_.publish(learnt_name, current->val_accuracy,
                        with_weights(base, current->path.string(), version, parameters));
  published_.push_back(made.path);
  while (published_.size() > kept_versions) {
    std::error_code ignored;  // it stays, then
    fs::remove(published_.front(), ignored);
    published_.pop_front();
  }
  return made.number;
}

std::shared_ptr<learn::ServiceExplorer> make_learner_link(const Settings& settings,
                                                          const Log& log) {
  if (settings.learner.empty()) return nullptr;
  const auto versions = std::make_shared<LearntVersions>(settings.registry_dir());
  return std::make_shared<learn::ServiceExplorer>(
      learn::ServiceExplorerOptions{settings.learner, settings.learner_every},
      [versions](const learn::Version& version, std::span<const float> parameters) {
        return versions->publish(version, parameters);
      },
      log);
}

nlohmann::ordered_json to_json(const learn::ServiceExplorerStats& stats) {
  return {{"taken", stats.taken}, {"sent", stats.sent},         {"dropped", stats.dropped},
          {"lost", stats.lost},   {"rollouts", stats.rollouts}, {"installed", stats.installed}};
}

}  // namespace podium::workflow
