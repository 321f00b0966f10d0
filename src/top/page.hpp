// Page: what `podium top` shows of a service, as lines. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace podium::top {

struct Line {
  enum class Colour { plain, bold, yellow, red };
  std::string text;
  Colour colour = Colour::plain;
};

// `stats` is the reply to GET /v2/stats. Throws unavailable_error when it is something else.
std::vector<Line> page_of(const nlohmann::ordered_json& stats, const std::string& server);

// The lines as text, each cut to `width` columns unless that is 0, and in colour where asked for.
std::string to_text(const std::vector<Line>& lines, size_t width, bool colours);

}  // namespace podium::top
