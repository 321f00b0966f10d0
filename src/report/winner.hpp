// An architecture text as a picture of its layers, with the shapes that images have between them.
#pragma once

#include <optional>
#include <string>

#include "picture/network.hpp"

namespace podium::report {

// `source` as --io.source says it; images of sources whose shape it does not tell are taken as 28 x
// 28 grey ones, and no shapes are shown. None where the text is no network.
std::optional<picture::NetworkPicture> draw_network(const std::string& text,
                                                    const std::string& source);

}  // namespace podium::report
