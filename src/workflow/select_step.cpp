#include "workflow/select_step.hpp"

#include <algorithm>
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

}  // namespace podium::workflow
