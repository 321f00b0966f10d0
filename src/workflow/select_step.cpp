#include "workflow/select_step.hpp"

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>

#include "core/error.hpp"

namespace podium::workflow {

ckpt::Registry::Offer add_and_offer(ckpt::Registry& registry, const ckpt::Snapshot& snapshot) {
  const nlohmann::ordered_json& metrics = snapshot.card.at("metrics");
  const std::string name = metrics.at("name");
  registry.add_candidate(name, metrics.at("val_accuracy"), snapshot);
  const std::vector<ckpt::Registry::Candidate> candidates = registry.candidates();
  const auto added = std::ranges::find(candidates, name, &ckpt::Registry::Candidate::name);
  require(added != candidates.end(), "a candidate vanished", name.c_str());
  return registry.offer(*added);
}

std::optional<EvaluationReport> stored_evaluation(const std::filesystem::path& snapshot) {
  const Json card = ckpt::read_snapshot_card(snapshot);
  if (!card.contains("evaluation")) return {};
  return evaluation_from_json(card.at("evaluation"), snapshot.string());
}

Json comparison(const ckpt::Registry& registry, const ckpt::Registry::Version& selected,
                const std::vector<std::string>& expected) {
  std::vector<ckpt::Registry::Candidate> candidates = registry.candidates();
  std::ranges::stable_sort(candidates, std::greater<>(), &ckpt::Registry::Candidate::val_accuracy);
  Json result = {{"selected", selected.name},
                 {"version", selected.number},
                 {"val_accuracy", selected.val_accuracy},
                 {"models", Json::array()},
                 {"missing", Json::array()}};
  for (const ckpt::Registry::Candidate& candidate : candidates) {
    Json model = {{"name", candidate.name}, {"val_accuracy", candidate.val_accuracy}};
    for (const char* key : {"parameters", "flops_per_image", "epochs", "train_s", "images_per_s"}) {
      if (candidate.metrics.contains(key)) model[key] = candidate.metrics.at(key);
    }
    result["models"].push_back(std::move(model));
  }
  for (const std::string& name : expected) {
    if (std::ranges::count(candidates, name, &ckpt::Registry::Candidate::name) == 0) {
      result["missing"].push_back(name);
    }
  }
  return result;
}

}  // namespace podium::workflow
