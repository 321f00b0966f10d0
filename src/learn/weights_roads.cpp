#include "learn/weights_roads.hpp"

#include <nlohmann/json.hpp>

#include "core/span_names.hpp"
#include "learn/checkpoint_road.hpp"
#include "learn/shared_weights.hpp"

namespace podium::learn {

std::unique_ptr<WeightsOut> make_weights_road(SyncMethod method, size_t floats,
                                              const std::string& host, const Log& log) {
  if (method == SyncMethod::checkpoint) return std::make_unique<CheckpointOut>(host, log);
  return share_weights(floats);
}

std::unique_ptr<WeightsIn> find_weights(const nlohmann::ordered_json& ticket, size_t floats) {
  if (ticket.value("road", "") == "checkpoint") return std::make_unique<CheckpointIn>(ticket);
  return find_shared_weights(ticket, floats);
}

const char* sync_span(SyncMethod method) {
  return method == SyncMethod::checkpoint ? spans::sync_checkpoint : spans::sync_direct;
}

const char* sync_span(const nlohmann::ordered_json& ticket) {
  const bool checkpoint = ticket.is_object() && ticket.value("road", "") == "checkpoint";
  return sync_span(checkpoint ? SyncMethod::checkpoint : SyncMethod::direct);
}

}  // namespace podium::learn
