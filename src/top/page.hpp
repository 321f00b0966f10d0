// Page: what `podium top` shows of a service, as lines. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "core/screen.hpp"

namespace podium::top {

using screen::Line;

// `stats` is the reply to GET /v2/stats. Throws unavailable_error when it is something else.
std::vector<Line> page_of(const nlohmann::ordered_json& stats, const std::string& server);

}  // namespace podium::top
