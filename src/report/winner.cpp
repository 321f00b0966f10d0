#include "report/winner.hpp"

#include <map>

#include "core/error.hpp"
#include "core/text.hpp"
#include "io/sources/synthetic.hpp"
#include "nn/network_plan.hpp"

namespace podium::report {
namespace {

struct Images {
  nn::ImageShape shape{.channels = 1, .height = 28, .width = 28};
  int classes = 10;
  bool known = false;
};

Images images_of(const std::string& source) {
  if (source.starts_with(io::synthetic_prefix)) {
    const io::SyntheticOptions made = io::parse_synthetic(source);
    const auto size = [](size_t value) { return static_cast<int>(value); };
    return {{size(made.shape.channels), size(made.shape.height), size(made.shape.width)},
            size(made.classes),
            true};
  }
  if (source == "mnist" || source == "fashion_mnist") return {.known = true};
  if (source == "cifar10") return {{3, 32, 32}, 10, true};
  if (source == "cifar100") return {{3, 32, 32}, 100, true};
  return {};
}

std::string shape_text(const nn::ImageShape& shape) {
  if (shape.height == 1 && shape.width == 1) return std::to_string(shape.channels);
  return format("%d × %d × %d", shape.channels, shape.height, shape.width);
}

std::string stride_text(const nn::LayerPlan& layer) {
  return layer.stride > 1 ? format(", stride %d", layer.stride) : "";
}

picture::NetworkBlock block_of(const nn::LayerPlan& layer) {
  const std::string relu = layer.relu ? " + relu" : "";
  const std::string window = format("%d×%d", layer.kernel_height, layer.kernel_width);
  switch (layer.op) {
    case nn::LayerOp::convolution:
      return {format("conv %d, ", layer.output.channels) + window + stride_text(layer) + relu, "",
              "fill-ckpt"};
    case nn::LayerOp::dense:
      return {format("dense %d", layer.output.channels) + relu, "", "fill-inference"};
    case nn::LayerOp::batch_norm:
      return {"batch norm" + relu, "", "fill-train"};
    case nn::LayerOp::max_pool:
      return {"max pool " + window, "", "fill-broadcast"};
    case nn::LayerOp::average_pool:
      return {"average pool " + window, "", "fill-broadcast"};
    case nn::LayerOp::dropout:
      return {format("dropout %g", layer.rate), "", "fill-wait"};
    case nn::LayerOp::sum:
      return {"add" + relu, "", "fill-direct"};
    case nn::LayerOp::relu:
    case nn::LayerOp::fork:
      break;
  }
  return {"relu", "", "fill-wait"};
}

bool of_shortcut(const nn::LayerPlan& layer) {
  return layer.name.find("shortcut") != std::string::npos;
}

// Blocks in order. A fork is no block: what leaves it at its side comes to the sum that adds it,
// perhaps through a shortcut of layers.
picture::NetworkPicture picture_of(const nn::NetworkPlan& plan, const Images& images) {
  picture::NetworkPicture picture;
  picture.blocks.push_back({"image", images.known ? shape_text(images.shape) : "", "fill-other"});
  std::map<int, size_t> left_at;  // by value: the block behind which it left the line
  for (const nn::LayerPlan& layer : plan.layers) {
    const size_t last = picture.blocks.size() - 1;
    if (layer.op == nn::LayerOp::fork) {
      left_at[layer.side] = left_at.contains(layer.source) ? left_at[layer.source] : last;
      continue;
    }
    if (of_shortcut(layer)) {
      if (left_at.contains(layer.source)) left_at[layer.result] = left_at[layer.source];
      continue;
    }
    picture.blocks.push_back(block_of(layer));
    if (images.known) picture.blocks.back().shape = shape_text(layer.output);
    if (layer.op != nn::LayerOp::sum) continue;
    for (const int value : {layer.side, layer.source}) {
      if (!left_at.contains(value)) continue;
      picture.skips.push_back({left_at[value], picture.blocks.size() - 1});
      break;
    }
  }
  return picture;
}

}  // namespace

std::optional<picture::NetworkPicture> draw_network(const std::string& text,
                                                    const std::string& source) {
  try {
    const Images images = images_of(source);
    return picture_of(nn::plan_network(nn::parse_architecture(text), images.shape, images.classes),
                      images);
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace podium::report
