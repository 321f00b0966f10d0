// Values between layers are NCHW, as ONNX's convolutions and pools want them, or flat [N,features]
// from the first dense layer on; a value is turned over when a layer needs it otherwise. Weights
// stay canonical: a dense layer reads its input in the order height, width, channel.
#include "nn/export/onnx_model.hpp"

#include <limits>
#include <set>

#include "nn/export/onnx_graph.hpp"

namespace podium::nn {
namespace {

constexpr const char* kImages = "images";
constexpr const char* kLogits = "logits";
constexpr const char* kProbabilities = "probabilities";
constexpr const char* kBatchAxis = "N";

enum class Layout { nhwc, nchw, flat };

struct Tensor {
  std::string name;
  Layout layout = Layout::nhwc;
};

class Exporter {
 public:
  explicit Exporter(const ModelView& model)
      : model_(model), plan_(model.plan), tensors_(plan_.values.size()) {
    for (const BufferInfo& buffer : plan_.buffers) {
      graph_.add_weights(buffer.name, buffer.shape, model.values_of(buffer));
    }
  }

  OnnxGraph convert() {
    add_images();
    if (model_.card.mirror) add_mirror_images();
    for (const LayerPlan& layer : plan_.layers) add_layer(layer);
    if (model_.card.mirror) add_means();
    graph_.add_node(
        {kProbabilities, "Softmax", {kLogits}, kProbabilities, {{"axis", int64_t{-1}}}});
    for (const char* output : {kLogits, kProbabilities}) {
      graph_.add_output(output, OnnxType::float32, {kBatchAxis, int64_t{model_.card.classes}});
    }
    return std::move(graph_);
  }

 private:
  // (pixel / 255 - mean) / stddev, with the factors of Ops::load_images().
  void add_images() {
    const ImageShape& image = model_.card.image;
    graph_.add_input(
        kImages, OnnxType::uint8,
        {kBatchAxis, int64_t{image.height}, int64_t{image.width}, int64_t{image.channels}});
    std::vector<float> scale;
    std::vector<float> shift;
    for (size_t c = 0; c < model_.card.preprocess.mean.size(); ++c) {
      const float stddev = model_.card.preprocess.stddev[c];
      scale.push_back(1.0F / (255.0F * stddev));
      shift.push_back(-model_.card.preprocess.mean[c] / stddev);
    }
    graph_.add_constant("preprocess.scale", std::span<const float>(scale));
    graph_.add_constant("preprocess.shift", std::span<const float>(shift));
    const auto to_float = static_cast<int64_t>(OnnxType::float32);
    node("preprocess.cast", "Cast", {kImages}, {{"to", to_float}});
    node("preprocess.scaled", "Mul", {"preprocess.cast", "preprocess.scale"});
    node("preprocess.inputs", "Add", {"preprocess.scaled", "preprocess.shift"});
    tensors_[0] = {"preprocess.inputs", Layout::nhwc};
  }

  // The images, and behind them the same with left and right exchanged: [2N,H,W,C].
  void add_mirror_images() {
    constexpr int64_t width_axis = 2;
    constant("mirror.start", {-1});
    constant("mirror.end", {std::numeric_limits<int64_t>::min()});
    constant("mirror.axis", {width_axis});
    constant("mirror.step", {-1});
    node("mirror.images", "Slice",
         {at(0).name, "mirror.start", "mirror.end", "mirror.axis", "mirror.step"});
    node("mirror.both", "Concat", {at(0).name, "mirror.images"}, {{"axis", int64_t{0}}});
    at(0).name = "mirror.both";
  }

  // Of the logits of both, [2N,classes], the mean.
  void add_means() {
    constant("mirror.shape", {2, -1, model_.card.classes});
    node("mirror.pairs", "Reshape", {at(plan_.output).name, "mirror.shape"});
    graph_.add_node({kLogits,
                     "ReduceMean",
                     {"mirror.pairs"},
                     kLogits,
                     {{"axes", std::vector<int64_t>{0}}, {"keepdims", int64_t{0}}}});
  }

  void add_layer(const LayerPlan& layer) {
    switch (layer.op) {
      case LayerOp::convolution:
        return convolution(layer);
      case LayerOp::dense:
        return dense(layer);
      case LayerOp::batch_norm:
        return batch_norm(layer);
      case LayerOp::relu:
        return finish(layer, "Relu", {at(layer.source).name}, at(layer.source).layout);
      case LayerOp::max_pool:
        return pool(layer, "MaxPool");
      case LayerOp::average_pool:
        return pool(layer, "AveragePool");
      case LayerOp::dropout:
        at(layer.result) = at(layer.source);
        return;
      case LayerOp::fork:
        at(layer.result) = at(layer.side) = at(layer.source);
        return;
      case LayerOp::sum:
        return sum(layer);
    }
  }

  void convolution(const LayerPlan& layer) {
    std::vector<std::string> inputs = {nchw(layer.source), layer.name + ".weight"};
    if (layer.bias) inputs.push_back(layer.name + ".bias");
    std::vector<OnnxAttribute> attributes = window(layer);
    attributes.push_back({"pads", std::vector<int64_t>{layer.padding_before(layer.kernel_height),
                                                       layer.padding_before(layer.kernel_width),
                                                       layer.padding_after(layer.kernel_height),
                                                       layer.padding_after(layer.kernel_width)}});
    finish(layer, "Conv", inputs, Layout::nchw, attributes);
  }

  void dense(const LayerPlan& layer) {
    std::vector<std::string> inputs = {flat(layer.source), layer.name + ".weight"};
    if (layer.bias) inputs.push_back(layer.name + ".bias");
    finish(layer, "Gemm", inputs, Layout::flat, {{"transB", int64_t{1}}});
  }

  void batch_norm(const LayerPlan& layer) {
    const bool is_flat = at(layer.source).layout == Layout::flat;
    std::vector<std::string> inputs = {is_flat ? flat(layer.source) : nchw(layer.source)};
    for (const char* buffer : {".scale", ".shift", ".mean", ".variance"}) {
      inputs.push_back(layer.name + buffer);
    }
    finish(layer, "BatchNormalization", inputs, is_flat ? Layout::flat : Layout::nchw,
           {{"epsilon", kNormEpsilon}});
  }

  void pool(const LayerPlan& layer, const std::string& op) {
    const std::string input = nchw(layer.source);
    const bool global = layer.output.pixels() == 1 && layer.kernel_height == layer.input.height &&
                        layer.kernel_width == layer.input.width;
    if (global) return finish(layer, "Global" + op, {input}, Layout::nchw);
    finish(layer, op, {input}, Layout::nchw, window(layer));
  }

  void sum(const LayerPlan& layer) {
    const bool alike = at(layer.source).layout == at(layer.side).layout;
    const std::string body = alike ? at(layer.source).name : nchw(layer.source);
    const std::string shortcut = alike ? at(layer.side).name : nchw(layer.side);
    finish(layer, "Add", {body, shortcut}, at(layer.source).layout);
  }

  static std::vector<OnnxAttribute> window(const LayerPlan& layer) {
    return {{"kernel_shape", std::vector<int64_t>{layer.kernel_height, layer.kernel_width}},
            {"strides", std::vector<int64_t>{layer.stride, layer.stride}}};
  }

  // Adds the node of `layer`, and the ReLU that it computes on the way. What comes last makes the
  // layer's result.
  void finish(const LayerPlan& layer, const std::string& op, const std::vector<std::string>& inputs,
              Layout layout, const std::vector<OnnxAttribute>& attributes = {}) {
    const bool last = layer.result == plan_.output && !model_.card.mirror;
    const std::string name = layer.relu ? layer.name + ".relu" : layer.name;
    const std::string result = last ? kLogits : name;
    graph_.add_node({layer.name, op, inputs, layer.relu ? layer.name : result, attributes});
    if (layer.relu) graph_.add_node({name, "Relu", {layer.name}, result});
    at(layer.result) = {result, layout};
  }

  // The value as [N,C,H,W].
  std::string nchw(int value) {
    Tensor& tensor = at(value);
    if (tensor.layout == Layout::nhwc) {
      tensor.name = turned(tensor.name, ".nchw", "Transpose", {{"perm", axes({0, 3, 1, 2})}});
    } else if (tensor.layout == Layout::flat) {
      tensor.name = unsqueezed(tensor.name);
    }
    tensor.layout = Layout::nchw;
    return tensor.name;
  }

  // The value as [N,features], in the order height, width, channel.
  std::string flat(int value) {
    Tensor& tensor = at(value);
    const ImageShape& shape = plan_.values[static_cast<size_t>(value)].shape;
    const bool any_order = shape.channels == 1 || shape.pixels() == 1;
    if (tensor.layout == Layout::flat) return tensor.name;
    if (tensor.layout == Layout::nchw && !any_order) {
      tensor.name = turned(tensor.name, ".nhwc", "Transpose", {{"perm", axes({0, 2, 3, 1})}});
    }
    tensor = {turned(tensor.name, ".flat", "Flatten", {{"axis", int64_t{1}}}), Layout::flat};
    return tensor.name;
  }

  // [N,C] as [N,C,1,1].
  std::string unsqueezed(const std::string& name) {
    const std::string last_axes = "spatial_axes";
    if (made_.insert(last_axes).second) constant(last_axes, {2, 3});
    const std::string result = name + ".nchw";
    if (made_.insert(result).second) node(result, "Unsqueeze", {name, last_axes});
    return result;
  }

  // The tensor `name` in another layout, which is made once however many values need it.
  std::string turned(const std::string& name, const char* suffix, const std::string& op,
                     const std::vector<OnnxAttribute>& attributes) {
    const std::string result = name + suffix;
    if (made_.insert(result).second) node(result, op, {name}, attributes);
    return result;
  }

  static std::vector<int64_t> axes(std::vector<int64_t> order) { return order; }

  void constant(const std::string& name, const std::vector<int64_t>& values) {
    graph_.add_constant(name, std::span<const int64_t>(values));
  }

  void node(const std::string& name, const std::string& op, const std::vector<std::string>& inputs,
            const std::vector<OnnxAttribute>& attributes = {}) {
    graph_.add_node({name, op, inputs, name, attributes});
  }

  Tensor& at(int value) { return tensors_[static_cast<size_t>(value)]; }

  const ModelView& model_;
  const NetworkPlan& plan_;
  OnnxGraph graph_;
  std::vector<Tensor> tensors_;  // of each value, once it is made
  std::set<std::string> made_;   // tensors and constants that are made on demand
};

}  // namespace

Pieces to_onnx(const ModelView& model, const std::string& producer_version,
               const Properties& properties) {
  return Exporter(model).convert().take_model(model.card.name, producer_version, properties);
}

}  // namespace podium::nn
