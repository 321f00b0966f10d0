// The manual pages, made from the verbs and the schema of options: podium(1), podium-train(1), ...
#pragma once

#include <string>

#include "options.hpp"

namespace podium {

// As troff with the macros of man(7). `version` stands in their footer.
std::string manual_page(const std::string& version);
std::string manual_page(const Verb& verb, const std::string& version);

}  // namespace podium
