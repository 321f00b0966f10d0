#include "nn/lowering.hpp"

#include <algorithm>

namespace podium::nn {
namespace {

using Layer = std::vector<LayerPlan>::iterator;

bool has_weights(const LayerPlan& layer) {
  return layer.op == LayerOp::convolution || layer.op == LayerOp::dense;
}

class Lowering {
 public:
  explicit Lowering(const NetworkPlan& network) : plan_(network) {}

  // Every batch norm that a pool of its own window reads.
  void fuse_pools() {
    for (size_t i = 0; i < layers().size(); ++i) {
      LayerPlan& norm = layers()[i];
      if (norm.op != LayerOp::batch_norm || norm.pool > 0) continue;
      const Layer pool = reader_of(norm.result);
      if (pool == layers().end() || !is_square_max_pool(*pool)) continue;
      norm.pool = pool->kernel_height;
      norm.output = pool->output;
      norm.result = pool->result;
      layers().erase(pool);
    }
  }

  // Every residual sum whose body ends in a layer of which `fits` holds. That layer moves to the
  // place of the sum, where the shortcut has been computed.
  template <typename Fits>
  void fuse_sums(Fits fits) {
    for (size_t i = 0; i < layers().size(); ++i) {
      if (layers()[i].op != LayerOp::sum) continue;
      const LayerPlan sum = layers()[i];
      const Layer last = maker_of(sum.source);
      if (last == layers().end() || last->relu || last->pool > 0 || last->adds_side()) continue;
      if (!fits(*last, sum)) continue;
      LayerPlan fused = *last;
      fused.side = sum.side;
      fused.relu = sum.relu;
      fused.result = sum.result;
      layers()[i] = fused;
      layers().erase(last);
      --i;
    }
  }

  // Every convolution whose output a batch norm reads as it is.
  void fuse_moments() {
    for (LayerPlan& layer : layers()) {
      if (layer.op != LayerOp::convolution || layer.bias || layer.relu) continue;
      const Layer norm = reader_of(layer.result);
      if (norm == layers().end() || norm->op != LayerOp::batch_norm) continue;
      layer.moments = norm->moments = true;
    }
  }

  // Every batch norm that follows a convolution or dense layer directly.
  void fold_norms() {
    for (size_t i = 0; i < layers().size(); ++i) {
      LayerPlan& layer = layers()[i];
      if (!has_weights(layer) || layer.relu || layer.norm) continue;
      const Layer norm = reader_of(layer.result);
      if (norm == layers().end() || norm->op != LayerOp::batch_norm) continue;
      layer.norm = true;
      layer.norm_weights = norm->weights;
      layer.norm_statistics = norm->statistics;
      layer.relu = norm->relu;
      layer.result = norm->result;
      layers().erase(norm);
    }
  }

  // The sum is computed in the memory of its shortcut.
  void add_in_place() {
    for (const LayerPlan& layer : layers()) {
      if (layer.op != LayerOp::convolution || !layer.adds_side()) continue;
      const int from = value(layer.result).storage;
      const int to = value(layer.side).storage;
      for (ValuePlan& each : plan_.values) {
        if (each.storage == from) each.storage = to;
      }
    }
  }

  // Whether a sum may be computed in the memory of its shortcut: no layer reads that any more, the
  // one that adds included.
  bool may_overwrite(const LayerPlan& last, const LayerPlan& sum) {
    const auto reads = [&](int id) {
      return id != kNoValue && value(id).storage == value(sum.side).storage;
    };
    const auto behind = std::ranges::find(layers(), sum.result, &LayerPlan::result) + 1;
    return !reads(last.source) && std::none_of(behind, layers().end(), [&](const LayerPlan& each) {
      return reads(each.source) || (each.op != LayerOp::fork && reads(each.side));
    });
  }

  // Blocks of channels, when all convolutions can work on them.
  void choose_layout(const Fusions& fusions) {
    const int block = fusions.channel_block;
    // The image is NHWC, which layers other than convolutions hand on.
    if (block == 0 || value(0).shape.channels % block == 0 ||
        !std::ranges::all_of(layers(), [&](const LayerPlan& layer) {
          return layer.op != LayerOp::convolution || fits_blocks(layer, fusions);
        })) {
      return;
    }
    const bool convolves = std::ranges::any_of(
        layers(), [](const LayerPlan& layer) { return layer.op == LayerOp::convolution; });
    if (!convolves) return;
    const auto block_of = [&](int id, const ImageShape& shape) {
      return value(id).storage != value(0).storage && shape.channels % block == 0 ? block : 0;
    };
    for (LayerPlan& layer : layers()) {
      layer.input_block = block_of(layer.source, layer.input);
      layer.output_block = block_of(layer.result, layer.output);
    }
  }

  NetworkPlan take() { return std::move(plan_); }

 private:
  std::vector<LayerPlan>& layers() { return plan_.layers; }
  ValuePlan& value(int id) { return plan_.values[static_cast<size_t>(id)]; }

  // The one layer that reads a value as its source, or end().
  Layer reader_of(int id) {
    return std::ranges::find_if(layers(), [&](const LayerPlan& l) { return l.source == id; });
  }

  Layer maker_of(int id) {
    return std::ranges::find_if(layers(), [&](const LayerPlan& l) { return l.result == id; });
  }

  static bool is_square_max_pool(const LayerPlan& layer) {
    return layer.op == LayerOp::max_pool && layer.kernel_height == layer.stride &&
           layer.kernel_width == layer.stride;
  }

  bool fits_blocks(const LayerPlan& layer, const Fusions& fusions) {
    const int channels = layer.input.channels;
    const bool from_image = value(layer.source).storage == value(0).storage;
    const bool reads = from_image ? std::ranges::count(fusions.image_channels, channels) > 0
                                  : channels % fusions.channel_block == 0;
    return reads && layer.output.channels % fusions.channel_block == 0;
  }

  NetworkPlan plan_;
};

}  // namespace

NetworkPlan lower(const NetworkPlan& network, Pass pass, const Fusions& fusions) {
  Lowering lowering(network);
  if (pass == Pass::training) {
    if (fusions.norm_pool) lowering.fuse_pools();
    if (fusions.norm_sum) {
      lowering.fuse_sums(
          [](const LayerPlan& last, const LayerPlan&) { return last.op == LayerOp::batch_norm; });
    }
    if (fusions.norm_moments) lowering.fuse_moments();
  } else {
    if (fusions.folded_norm) lowering.fold_norms();
    if (fusions.sum) {
      lowering.fuse_sums([&](const LayerPlan& last, const LayerPlan& sum) {
        return last.op == LayerOp::convolution && lowering.may_overwrite(last, sum);
      });
      lowering.add_in_place();
    }
  }
  lowering.choose_layout(fusions);
  return lowering.take();
}

}  // namespace podium::nn
