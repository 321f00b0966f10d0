#include "nn/network_plan.hpp"

#include <algorithm>
#include <map>

#include "nn/architecture_lexer.hpp"

namespace podium::nn {
namespace {

using Layers = std::vector<LayerSpec>;

constexpr int64_t kMaxFloats = int64_t{1} << 28;

std::string text_of(const ImageShape& shape) {
  return std::to_string(shape.channels) + "x" + std::to_string(shape.height) + "x" +
         std::to_string(shape.width);
}

int divide_up(int value, int divisor) {
  return (value + divisor - 1) / divisor;
}

class Planner {
 public:
  Planner(ImageShape image, int classes) : classes_(classes), activations_(image.size()) {
    add_value(image, false);
  }

  NetworkPlan plan(const Architecture& architecture) {
    for (const LayerSpec& spec : architecture.layers) {
      if (spec.kind == LayerKind::add) ++kept_[spec.mark].adds;
    }
    plan_.output = sequence(architecture.layers, "", 0);
    for (BufferInfo& buffer : statistics_) plan_.buffers.push_back(std::move(buffer));
    mark_wanted_gradients();
    return std::move(plan_);
  }

 private:
  // Plans `layers` on value `source`; returns the value they make.
  int sequence(const Layers& layers, const std::string& prefix, int source) {
    for (size_t i = 0; i < layers.size(); ++i) {
      const LayerSpec& spec = layers[i];
      const std::string name =
          prefix + std::to_string(i) + "." + std::string(layer_word(spec.kind));
      const bool before_norm = i + 1 < layers.size() && layers[i + 1].kind == LayerKind::batch_norm;
      source = layer(spec, name, source, !before_norm);
    }
    return source;
  }

  int layer(const LayerSpec& spec, const std::string& name, int source, bool bias) {
    switch (spec.kind) {
      case LayerKind::dense:
        return dense(spec, name, source, bias);
      case LayerKind::conv:
        return convolution(spec, name, source, bias);
      case LayerKind::batch_norm:
        return batch_norm(name, source);
      case LayerKind::relu:
        return relu(spec, name, source);
      case LayerKind::max_pool:
      case LayerKind::average_pool:
        return pool(spec, name, source);
      case LayerKind::global_average_pool:
        return global_pool(name, source);
      case LayerKind::dropout:
        return dropout(spec, name, source);
      case LayerKind::residual:
        return residual(spec, name, source);
      case LayerKind::keep:
        return keep(spec, name, source);
      case LayerKind::add:
        return add(spec, name, source);
    }
    return source;
  }

  int dense(const LayerSpec& spec, const std::string& name, int source, bool bias) {
    LayerPlan plan = start(LayerOp::dense, name, source);
    const int width = spec.width == kClassesWidth ? classes_ : spec.width;
    plan.output = {width, 1, 1};
    plan.bias = bias;
    add_weights(plan, {width, plan.input.size()}, spec.offset);
    return finish(std::move(plan), spec.offset);
  }

  int convolution(const LayerSpec& spec, const std::string& name, int source, bool bias) {
    LayerPlan plan = start(LayerOp::convolution, name, source);
    const int side = std::max(plan.input.height, plan.input.width);
    check_stride(spec, plan.input);
    if (spec.kernel > 2 * side + 1) {
      throw architecture_error("kernel " + std::to_string(spec.kernel) + " of 'conv' on " +
                                   text_of(plan.input) + " would see mostly padding",
                               spec.offset,
                               "use a kernel of at most " + std::to_string(2 * side + 1));
    }
    plan.kernel_height = plan.kernel_width = spec.kernel;
    plan.stride = spec.stride;
    plan.output = {spec.width, divide_up(plan.input.height, spec.stride),
                   divide_up(plan.input.width, spec.stride)};
    plan.bias = bias;
    add_weights(plan, {spec.width, plan.input.channels, spec.kernel, spec.kernel}, spec.offset);
    return finish(std::move(plan), spec.offset);
  }

  int batch_norm(const std::string& name, int source) {
    LayerPlan plan = start(LayerOp::batch_norm, name, source);
    const int64_t channels = plan.input.channels;
    plan.weights = add_parameter(plan, ".scale", {channels}, false);
    add_parameter(plan, ".shift", {channels}, false);
    plan.statistics = add_statistic(name + ".mean", channels);
    add_statistic(name + ".variance", channels);
    return finish(std::move(plan), 0);
  }

  // A ReLU joins the layer before it when that layer can compute it on the way.
  int relu(const LayerSpec& spec, const std::string& name, int source) {
    if (!plan_.layers.empty()) {
      LayerPlan& previous = plan_.layers.back();
      const bool joins = previous.op == LayerOp::convolution || previous.op == LayerOp::dense ||
                         previous.op == LayerOp::batch_norm;
      if (joins && !previous.relu && previous.result == source) {
        previous.relu = true;
        return source;
      }
    }
    return finish(start(LayerOp::relu, name, source), spec.offset);
  }

  int pool(const LayerSpec& spec, const std::string& name, int source) {
    const bool max = spec.kind == LayerKind::max_pool;
    LayerPlan plan = start(max ? LayerOp::max_pool : LayerOp::average_pool, name, source);
    if (spec.kernel > std::min(plan.input.height, plan.input.width)) {
      throw architecture_error("window " + std::to_string(spec.kernel) + " of '" +
                                   std::string(layer_word(spec.kind)) + "' is larger than its " +
                                   text_of(plan.input) + " input",
                               spec.offset, "pool less or later");
    }
    check_stride(spec, plan.input);
    plan.kernel_height = plan.kernel_width = spec.kernel;
    plan.stride = spec.stride;
    plan.output = {plan.input.channels, (plan.input.height - spec.kernel) / spec.stride + 1,
                   (plan.input.width - spec.kernel) / spec.stride + 1};
    return finish(std::move(plan), spec.offset);
  }

  int global_pool(const std::string& name, int source) {
    LayerPlan plan = start(LayerOp::average_pool, name, source);
    plan.kernel_height = plan.input.height;
    plan.kernel_width = plan.input.width;
    plan.output = {plan.input.channels, 1, 1};
    return finish(std::move(plan), 0);
  }

  int dropout(const LayerSpec& spec, const std::string& name, int source) {
    LayerPlan plan = start(LayerOp::dropout, name, source);
    plan.rate = spec.rate;
    plan.key = plan_.layers.size();
    return finish(std::move(plan), spec.offset);
  }

  int residual(const LayerSpec& spec, const std::string& name, int source) {
    const ImageShape input = value(source).shape;
    check_stride(spec, input);
    const ImageShape output = {spec.width, divide_up(input.height, spec.stride),
                               divide_up(input.width, spec.stride)};
    const auto [body_input, shortcut_input] = fork(name, source, spec.offset);
    const int body = sequence(spec.body, name + ".", body_input);
    if (value(body).shape != output) {
      throw architecture_error("the body of 'res' makes " + text_of(value(body).shape) +
                                   " of its input, not " + text_of(output),
                               spec.offset,
                               "let it end with " + std::to_string(spec.width) +
                                   " channels at stride " + std::to_string(spec.stride));
    }
    int shortcut = shortcut_input;
    if (input != output) shortcut = projection(spec, name, shortcut, spec.width, spec.stride);
    return sum(name, body, shortcut, spec.offset);
  }

  // A fork for each time the value is added.
  int keep(const LayerSpec& spec, const std::string& name, int source) {
    Kept& kept = kept_[spec.mark];
    for (int i = 0; i < kept.adds; ++i) {
      const auto [onward, side] = fork(name + "." + std::to_string(i), source, spec.offset);
      kept.sides.push_back(side);
      source = onward;
    }
    return source;
  }

  int add(const LayerSpec& spec, const std::string& name, int source) {
    Kept& kept = kept_[spec.mark];
    int side = kept.sides.back();
    kept.sides.pop_back();
    const ImageShape from = value(side).shape;
    const ImageShape to = value(source).shape;
    if (from != to) {
      const int stride = stride_between(from, to);
      if (stride == 0) {
        throw architecture_error(
            "what 'add' adds is " + text_of(from) + ", which no stride makes " + text_of(to),
            spec.offset, "let the layers between keep the size, or divide it by a whole number");
      }
      side = projection(spec, name, side, to.channels, stride);
    }
    return sum(name, source, side, spec.offset);
  }

  // The smallest by which a convolution makes `to` of the height and width `from`, or 0.
  static int stride_between(const ImageShape& from, const ImageShape& to) {
    for (int stride = 1; stride <= std::min(from.height, from.width); ++stride) {
      if (divide_up(from.height, stride) == to.height &&
          divide_up(from.width, stride) == to.width) {
        return stride;
      }
    }
    return 0;
  }

  int projection(const LayerSpec& spec, const std::string& name, int source, int width,
                 int stride) {
    const LayerSpec conv{LayerKind::conv, width, 1, stride, 0, {}, spec.offset};
    return batch_norm(name + ".shortcut.bn",
                      convolution(conv, name + ".shortcut.conv", source, false));
  }

  std::pair<int, int> fork(const std::string& name, int source, size_t offset) {
    LayerPlan plan = start(LayerOp::fork, name + ".fork", source);
    plan.side = add_value(plan.input, value(source).trained);
    const int side = plan.side;
    const int result = finish(std::move(plan), offset);
    value(result).storage = value(side).storage = value(source).storage;
    // Backward adds the side's gradient to the body's in place.
    value(result).gradient = value(source).gradient;
    return {result, side};
  }

  int sum(const std::string& name, int source, int side, size_t offset) {
    LayerPlan plan = start(LayerOp::sum, name + ".sum", source);
    plan.side = side;
    plan.relu = true;
    // A fork adds to the gradient of what it passes on, in place.
    const LayerPlan& body = producer_of(source);
    const bool own_gradient = body.masks_own_gradient() || body.op == LayerOp::fork;
    const int result = finish(std::move(plan), offset);
    value(result).trained = value(source).trained || value(side).trained;
    // Both inputs have the gradient of the sum. They share its memory, save where the layer that
    // made the body's output would overwrite what the shortcut still needs.
    value(side).gradient = result;
    if (!own_gradient) value(source).gradient = result;
    return result;
  }

  const LayerPlan& producer_of(int result) const {
    return *std::find_if(plan_.layers.rbegin(), plan_.layers.rend(),
                         [&](const LayerPlan& plan) { return plan.result == result; });
  }

  static void check_stride(const LayerSpec& spec, const ImageShape& input) {
    if (spec.stride <= std::max(1, std::min(input.height, input.width))) return;
    throw architecture_error("stride " + std::to_string(spec.stride) + " of '" +
                                 std::string(layer_word(spec.kind)) + "' is larger than its " +
                                 text_of(input) + " input",
                             spec.offset, "use a smaller stride");
  }

  LayerPlan start(LayerOp op, const std::string& name, int source) {
    LayerPlan plan;
    plan.op = op;
    plan.name = name;
    plan.source = source;
    plan.input = plan.output = value(source).shape;
    return plan;
  }

  int finish(LayerPlan plan, size_t offset) {
    activations_ += plan.output.size();
    if (activations_ > kMaxFloats) {
      throw architecture_error("the network has more than 2^28 activations per image", offset,
                               "use fewer channels, or pool earlier");
    }
    const bool trained = plan.parameters > 0 || value(plan.source).trained;
    plan.result = add_value(plan.output, trained);
    plan_.flops += plan.flops;
    plan_.layers.push_back(std::move(plan));
    return plan_.layers.back().result;
  }

  int add_value(const ImageShape& shape, bool trained) {
    const int id = static_cast<int>(plan_.values.size());
    plan_.values.push_back({shape, id, id, trained, false});
    return id;
  }

  void add_weights(LayerPlan& plan, const std::vector<int64_t>& shape, size_t offset) {
    int64_t count = 1;
    for (const int64_t extent : shape) count *= std::min(extent, kMaxFloats);
    if (static_cast<int64_t>(plan_.parameter_count) + count > kMaxFloats) {
      throw architecture_error("the network has more than 2^28 parameters", offset,
                               "use narrower layers");
    }
    plan.weights = add_parameter(plan, ".weight", shape, true);
    plan.flops = 2 * count * plan.output.pixels();
    if (plan.bias) plan.biases = add_parameter(plan, ".bias", {shape[0]}, false);
  }

  size_t add_parameter(LayerPlan& plan, const char* suffix, const std::vector<int64_t>& shape,
                       bool decay) {
    size_t count = 1;
    for (const int64_t extent : shape) count *= static_cast<size_t>(extent);
    const size_t offset = plan_.parameter_count;
    plan_.buffers.push_back({plan.name + suffix, shape, offset, count, false, decay});
    plan_.parameter_count += count;
    plan.parameters += static_cast<int64_t>(count);
    return offset;
  }

  size_t add_statistic(const std::string& name, int64_t channels) {
    const size_t offset = plan_.statistic_count;
    const auto count = static_cast<size_t>(channels);
    statistics_.push_back({name, {channels}, offset, count, true, false});
    plan_.statistic_count += count;
    return offset;
  }

  // oneDNN's batch norm always computes its input's gradient, so that one needs a place.
  void mark_wanted_gradients() {
    for (ValuePlan& each : plan_.values) each.gradient_wanted = each.trained;
    for (const LayerPlan& plan : plan_.layers) {
      if (plan.op == LayerOp::batch_norm) value(plan.source).gradient_wanted = true;
    }
  }

  ValuePlan& value(int id) { return plan_.values[static_cast<size_t>(id)]; }

  // A value kept for as many `add`s, and the sides of its forks that are not added yet.
  struct Kept {
    int adds = 0;
    std::vector<int> sides;
  };

  int classes_;
  int64_t activations_;
  std::map<int, Kept> kept_;
  NetworkPlan plan_;
  std::vector<BufferInfo> statistics_;
};

}  // namespace

bool LayerPlan::masks_own_gradient() const {
  const bool recomputes_mask = op == LayerOp::batch_norm && !adds_side();
  return relu && !recomputes_mask;
}

NetworkPlan plan_network(const Architecture& architecture, ImageShape image, int classes) {
  return Planner(image, classes).plan(architecture);
}

}  // namespace podium::nn
