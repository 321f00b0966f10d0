#include <iomanip>
#include <sstream>

#include "nn/network_plan.hpp"

namespace podium::nn {
namespace {

std::string shape_text(const ImageShape& shape) {
  return "[" + std::to_string(shape.channels) + "," + std::to_string(shape.height) + "," +
         std::to_string(shape.width) + "]";
}

// 12345678 as "12,345,678".
std::string grouped(int64_t value) {
  std::string digits = std::to_string(value);
  for (auto at = static_cast<ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3) {
    digits.insert(static_cast<size_t>(at), ",");
  }
  return digits;
}

void row(std::ostringstream& out, size_t name_width, const std::string& name,
         const std::string& shape, const std::string& parameters, const std::string& flops) {
  out << std::left << std::setw(static_cast<int>(name_width)) << name << "  " << std::setw(14)
      << shape << std::right << std::setw(13) << parameters << std::setw(16) << flops << '\n';
}

}  // namespace

std::string summary_table(const NetworkPlan& plan) {
  size_t width = 5;
  for (const LayerPlan& layer : plan.layers) width = std::max(width, layer.name.size() + 7);
  std::ostringstream out;
  row(out, width, "layer", "output [C,H,W]", "parameters", "FLOPs/image");
  for (const LayerPlan& layer : plan.layers) {
    if (layer.op == LayerOp::fork) continue;
    row(out, width, layer.name + (layer.relu ? " + relu" : ""), shape_text(layer.output),
        grouped(layer.parameters), grouped(layer.flops));
  }
  row(out, width, "total", "", grouped(static_cast<int64_t>(plan.parameter_count)),
      grouped(plan.flops));
  return out.str();
}

}  // namespace podium::nn
