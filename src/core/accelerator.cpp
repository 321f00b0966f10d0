#include "core/accelerator.hpp"

#include <algorithm>

#include "core/text.hpp"

namespace podium {
namespace {

bool alike(const Accelerator& a, const Accelerator& b) {
  return a.name == b.name && a.memory_bytes == b.memory_bytes;
}

}  // namespace

std::string describe(const AcceleratorProbe& probe) {
  if (!probe.any()) return "none: " + probe.why_none;
  std::string text;
  const auto& devices = probe.devices;
  for (auto first = devices.begin(); first != devices.end();) {
    const auto end = std::find_if(first, devices.end(),
                                  [&](const Accelerator& other) { return !alike(other, *first); });
    if (!text.empty()) text += ", ";
    text += format("%d x %s, %.0f GB", static_cast<int>(end - first), first->name.c_str(),
                   static_cast<double>(first->memory_bytes) * 1e-9);
    first = end;
  }
  return text;
}

}  // namespace podium
