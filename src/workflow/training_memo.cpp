#include "workflow/training_memo.hpp"

#include <array>
#include <nlohmann/json.hpp>

#include "ckpt/transfer.hpp"
#include "comm/broadcast.hpp"
#include "core/error.hpp"
#include "train/evaluation.hpp"
#include "train/model_snapshot.hpp"
#include "workflow/evaluation_report.hpp"
#include "workflow/step_memo.hpp"
#include "workflow/step_source.hpp"

namespace podium::workflow {
namespace {

// How gradients meet, as far as it decides more than rounding.
Json sync_identity(const Settings& settings) {
  if (!settings.servers) return "sum";
  const ps::GroupOptions& group = settings.servers->group;
  return {{"servers", group.servers},
          {"trainers", trainers_of(settings)},
          {"consistency", static_cast<int>(group.consistency)},
          {"staleness", group.staleness},
          {"encoding", static_cast<int>(group.filters.encoding)},
          {"significance", group.filters.significance}};
}

struct Change {
  const char* key;
  const char* sentence;
};
constexpr std::array changes = {
    Change{"recipe", "the recipe is another one"},
    Change{"data", "the data are others"},
    Change{"transform", "the images go through another transform"},
    Change{"order", "the images come in another order"},
    Change{"sync", "gradients meet in another way"},
    Change{"target", "the target accuracy is another one"},
    Change{"program", "the program is another one"},
};

// What differs first; empty if nothing does.
std::string difference(const Json& then, const Json& now) {
  for (const Change& change : changes) {
    if (then.value(change.key, Json()) == now.at(change.key)) continue;
    if (std::string(change.key) != "recipe") return change.sentence;
    return std::string(change.sentence) + ": " +
           first_difference(then.value("recipe", Json::object()), now.at("recipe"));
  }
  return "";
}

}  // namespace

Json training_identity(const train::Recipe& recipe, const io::DatasetInfo& dataset,
                       const Settings& settings) {
  return {{"recipe", train::to_json(recipe)},
          {"data", data_identity(dataset, settings)},
          {"transform", settings.ingest.transform.text()},
          {"order", static_cast<int>(settings.shuffle)},
          {"sync", sync_identity(settings)},
          {"target", settings.target_accuracy},
          {"program", program_xxh3()}};
}

Recalled recall_training(const train::Recipe& recipe, const io::DatasetInfo& dataset,
                         const Settings& settings) {
  if (settings.ingest.memo.mode == io::MemoMode::never) return {{}, "--memo is never"};
  if (settings.follow) return {{}, "--io.follow takes up what comes"};
  const std::filesystem::path file = settings.registry_dir() / "candidates" / (recipe.name + ".h5");
  if (!std::filesystem::exists(file)) return {{}, "it has not been trained here"};
  try {
    ckpt::Snapshot candidate = ckpt::read_snapshot(file);
    const std::string differs = difference(candidate.card.value("memo", Json::object()),
                                           training_identity(recipe, dataset, settings));
    if (!differs.empty()) return {{}, differs};
    return {std::move(candidate), "recipe, data and program are the same"};
  } catch (const Error& error) {
    return {{}, std::string("what was trained before cannot be read: ") + error.what()};
  }
}

Memo recall_together(const train::Recipe& recipe, const io::Dataset& dataset,
                     const Settings& settings, int threads, int max_batch,
                     comm::Communicator& group, const Log& log) {
  Recalled recalled;
  if (group.rank() == 0) recalled = recall_training(recipe, dataset.info(), settings);
  const bool reuse =
      comm::broadcast_text(group, recalled.candidate ? "reuse" : "train", 0) == "reuse";
  if (group.rank() == 0) {
    log.info("memo: model '" + recipe.name + (reuse ? "' is reused: " : "' is trained: ") +
             recalled.reason);
  }
  if (!reuse) return {{}, recalled.reason};
  ckpt::Snapshot candidate;
  if (group.rank() == 0) candidate = std::move(*recalled.candidate);
  ckpt::share_snapshot(group, candidate, 0);
  TrainingOutcome outcome;
  outcome.model = std::make_unique<nn::Model>(
      make_model(recipe, dataset.info(), settings.device, threads, max_batch));
  train::restore(*outcome.model, candidate, "candidate " + recipe.name);
  outcome.recalled = candidate.card.at("metrics");
  outcome.progress.epochs = outcome.recalled->at("epochs");
  outcome.progress.val_accuracy = outcome.recalled->at("val_accuracy");
  outcome.progress.total_s = outcome.recalled->at("train_s");
  const auto known = candidate.card.find("evaluation");  // of many classes it is not kept
  outcome.validation = known == candidate.card.end()
                           ? train::evaluate(*outcome.model, dataset, io::Split::validation, group)
                           : evaluation_from_json(*known, "candidate " + recipe.name).confusion;
  return {std::move(outcome), recalled.reason};
}

}  // namespace podium::workflow
