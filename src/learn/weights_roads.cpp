#include "learn/weights_roads.hpp"

#include <nlohmann/json.hpp>

#include "learn/shared_weights.hpp"
#include "learn/weights_files.hpp"

namespace podium::learn {

std::unique_ptr<WeightsOut> make_weights_road(SyncMethod method, const Policy& policy,
                                              const std::filesystem::path& folder) {
  if (method == SyncMethod::checkpoint) return write_weights(folder, policy);
  return share_weights(policy.parameter_count());
}

std::unique_ptr<WeightsIn> find_weights(const nlohmann::ordered_json& ticket,
                                        const Policy& policy) {
  if (ticket.value("road", "") == "files") return read_weights(ticket);
  return find_shared_weights(ticket, policy.parameter_count());
}

}  // namespace podium::learn
