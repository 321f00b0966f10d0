#include "nn/architecture.hpp"

#include <array>
#include <charconv>

namespace podium::nn {
namespace {

std::string number(double value) {
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  return {text.data(), end};
}

std::string stride_suffix(int stride, int usual) {
  return stride == usual ? "" : " stride " + std::to_string(stride);
}

std::string join(const std::vector<LayerSpec>& layers);

std::string print(const LayerSpec& layer) {
  std::string text(layer_word(layer.kind));
  switch (layer.kind) {
    case LayerKind::dense:
      return text + ' ' + (layer.width == kClassesWidth ? "classes" : std::to_string(layer.width));
    case LayerKind::conv:
      return text + ' ' + std::to_string(layer.width) + ' ' + std::to_string(layer.kernel) +
             stride_suffix(layer.stride, 1);
    case LayerKind::max_pool:
    case LayerKind::average_pool:
      return text + ' ' + std::to_string(layer.kernel) + stride_suffix(layer.stride, layer.kernel);
    case LayerKind::dropout:
      return text + ' ' + number(layer.rate);
    case LayerKind::residual:
      return text + ' ' + std::to_string(layer.width) + ' ' + std::to_string(layer.stride) + " { " +
             join(layer.body) + " }";
    case LayerKind::keep:
    case LayerKind::add:
      return text + ' ' + std::to_string(layer.mark);
    case LayerKind::batch_norm:
    case LayerKind::relu:
    case LayerKind::global_average_pool:
      break;
  }
  return text;
}

std::string join(const std::vector<LayerSpec>& layers) {
  std::string text;
  for (const LayerSpec& layer : layers) {
    if (!text.empty()) text += "; ";
    text += print(layer);
  }
  return text;
}

}  // namespace

std::string_view layer_word(LayerKind kind) {
  switch (kind) {
    case LayerKind::dense:
      return "dense";
    case LayerKind::conv:
      return "conv";
    case LayerKind::batch_norm:
      return "bn";
    case LayerKind::relu:
      return "relu";
    case LayerKind::max_pool:
      return "pool";
    case LayerKind::average_pool:
      return "avgpool";
    case LayerKind::global_average_pool:
      return "gap";
    case LayerKind::dropout:
      return "dropout";
    case LayerKind::residual:
      return "res";
    case LayerKind::keep:
      return "keep";
    case LayerKind::add:
      return "add";
  }
  return "";
}

std::string to_text(const Architecture& architecture) {
  return join(architecture.layers);
}

}  // namespace podium::nn
