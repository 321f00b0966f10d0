// The selection step: which finished model is published.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "ckpt/registry.hpp"
#include "workflow/evaluation_report.hpp"

namespace podium::workflow {

// Adds `snapshot`, whose card holds "metrics" with "name" and "val_accuracy", to the candidates and
// publishes it if it is better on validation accuracy than the published one.
ckpt::Registry::Offer add_and_offer(ckpt::Registry& registry, const ckpt::Snapshot& snapshot);

// The evaluation on the validation split that the card of a snapshot carries; empty when it has
// none. Throws what reading a card throws.
std::optional<EvaluationReport> stored_evaluation(const std::filesystem::path& snapshot);

// All candidates, the best first, and those of `expected` that there are none of: {"selected",
// "version", "val_accuracy", "models": [{"name", "val_accuracy", "train_s", ...}], "missing":
// [names]}.
Json comparison(const ckpt::Registry& registry, const ckpt::Registry::Version& selected,
                const std::vector<std::string>& expected);

}  // namespace podium::workflow
