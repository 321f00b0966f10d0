// What `podium --version` prints.
#pragma once

#include <string>

namespace podium {

// Podium's version, then one line per dependency with the version in use, and the GPU support.
std::string version_text();

}  // namespace podium
