// The one place where it is decided on which road weights go.
#pragma once

#include <cstddef>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "core/log.hpp"
#include "learn/mode.hpp"
#include "learn/weights_road.hpp"

namespace podium::learn {

// On the leading trainer, for policies of so many parameters. Explorers reach this node as `host`.
// Throws io_error, unavailable_error.
std::unique_ptr<WeightsOut> make_weights_road(SyncMethod method, size_t floats,
                                              const std::string& host, const Log& log);

// On an explorer. Null where the road does not lead to it: weights then come on its connection.
std::unique_ptr<WeightsIn> find_weights(const nlohmann::ordered_json& ticket, size_t floats);

// What moving weights is called in a trace (core/span_names.hpp), by the method or by a ticket.
const char* sync_span(SyncMethod method);
const char* sync_span(const nlohmann::ordered_json& ticket);

}  // namespace podium::learn
