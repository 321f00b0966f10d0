#include "plan/memory_need.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "nn/memory_plan.hpp"

namespace podium::plan {

int micro_batch(const train::Recipe& recipe, int share) {
  return (share + recipe.accumulate - 1) / recipe.accumulate;
}

MemoryNeed memory_need(const train::Recipe& recipe, const DataShape& data, int share,
                       const nn::Fusions& fusions) {
  const nn::NetworkPlan network =
      nn::plan_network(nn::parse_architecture(recipe.architecture), data.image, data.classes);
  const nn::NetworkPlan lowered = nn::lower(network, nn::Pass::training, fusions);
  MemoryNeed need;
  need.parameters = network.parameter_count * sizeof(float);
  need.gradients = need.parameters * (recipe.accumulate > 1 ? 2 : 1);  // and their sum so far
  need.momentum = need.parameters;
  need.statistics = network.statistic_count * sizeof(float);
  if (recipe.ema > 0) need.average = need.parameters + need.statistics;
  need.activations =
      nn::plan_activations(lowered, micro_batch(recipe, share), nn::Pass::training).size *
      sizeof(float);
  const auto image_bytes = static_cast<uint64_t>(data.image.size());
  need.images = std::min(data.all_records * image_bytes, data.cache_budget);
  return need;
}

nlohmann::ordered_json to_json(const MemoryNeed& need) {
  return {{"parameters", need.parameters}, {"gradients", need.gradients},
          {"momentum", need.momentum},     {"average", need.average},
          {"statistics", need.statistics}, {"activations", need.activations},
          {"images", need.images},         {"total", need.total()}};
}

}  // namespace podium::plan
