// What `podium --version` prints.
#pragma once

#include <string>

namespace podium {

// Podium's version: "0.1.0".
std::string version_number();

// Podium's version, then one line per dependency with the version in use, and the GPU support.
std::string version_text();

}  // namespace podium
