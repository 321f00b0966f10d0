// A Python with packages that a test needs: $PODIUM_TEST_PYTHON, build/peers/bin/python, or
// python3.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "process.hpp"

namespace podium::test {

// One that can import `modules` ("numpy, onnx"), or empty.
inline std::string find_python(const std::string& modules) {
  std::vector<std::string> candidates = {PODIUM_PROJECT "/build/peers/bin/python", "python3"};
  if (const char* given = std::getenv("PODIUM_TEST_PYTHON"))
    candidates.insert(candidates.begin(), given);
  for (const std::string& python : candidates) {
    if (python.find('/') != std::string::npos && !std::filesystem::exists(python)) continue;
    Process probe({python, "-c", "import " + modules});
    if (probe.wait() == 0) return python;
  }
  return "";
}

}  // namespace podium::test
