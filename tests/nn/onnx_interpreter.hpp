// Runs the operators that Podium's ONNX files use, as the specification of ONNX words them
// (onnx.ai/onnx/operators), in float64 and with plain loops. Throws on any other operator.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "nn/onnx_reader.hpp"

namespace podium::nn::test {

struct OnnxTensor {
  std::vector<int64_t> shape;
  std::vector<double> values;

  int64_t axis(size_t i) const { return shape.at(i); }
  static int64_t count(const std::vector<int64_t>& shape) {
    return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
  }
};

class OnnxInterpreter {
 public:
  explicit OnnxInterpreter(const OnnxFile& file) : file_(file) {
    for (const auto& [name, tensor] : file.initializers) values_[name] = constant(tensor);
  }

  // The value of every tensor, after running the graph on uint8 images of `shape`, [N,H,W,C].
  const std::map<std::string, OnnxTensor>& run(const std::vector<uint8_t>& images,
                                               const std::vector<int64_t>& shape) {
    values_[file_.inputs.at(0).name] = {shape, {images.begin(), images.end()}};
    for (const OnnxNodeRead& node : file_.nodes) {
      OnnxTensor result = compute(node);
      if (OnnxTensor::count(result.shape) != static_cast<int64_t>(result.values.size())) {
        throw std::runtime_error(node.name + ": shape and values disagree");
      }
      if (!values_.emplace(node.output, std::move(result)).second) {
        throw std::runtime_error(node.output + " is made twice");
      }
    }
    return values_;
  }

 private:
  static OnnxTensor constant(const OnnxTensorRead& tensor) {
    OnnxTensor result{tensor.shape, {}};
    const auto read = [&]<typename Value>(Value) {
      std::vector<Value> values(tensor.raw.size() / sizeof(Value));
      std::memcpy(values.data(), tensor.raw.data(), tensor.raw.size());
      for (const Value value : values) result.values.push_back(static_cast<double>(value));
    };
    if (tensor.type == 1) read(float{});
    if (tensor.type == 7) read(int64_t{});
    return result;
  }

  const OnnxTensor& in(const OnnxNodeRead& node, size_t i) const {
    return values_.at(node.inputs.at(i));
  }

  OnnxTensor compute(const OnnxNodeRead& node) const {
    const std::string& op = node.op;
    if (op == "Cast") return in(node, 0);
    if (op == "Mul") return pairwise(node, [](double a, double b) { return a * b; });
    if (op == "Add") return pairwise(node, [](double a, double b) { return a + b; });
    if (op == "Relu") return relu(in(node, 0));
    if (op == "Transpose") return transpose(in(node, 0), node.whole.at("perm"));
    if (op == "Conv") return convolution(node);
    if (op == "BatchNormalization") return batch_norm(node);
    if (op == "MaxPool" || op == "AveragePool" || op.starts_with("Global")) return pool(node);
    if (op == "Gemm") return gemm(node);
    if (op == "Softmax") return softmax(in(node, 0));
    if (op == "Slice") return reversed(node);
    if (op == "Concat") return stacked(node);
    if (op == "ReduceMean") return mean_of_first(node);
    OnnxTensor result = in(node, 0);
    if (op == "Reshape") {
      const auto& shape = in(node, 1).values;
      const int64_t known = static_cast<int64_t>(
          -std::accumulate(shape.begin(), shape.end(), 1.0, std::multiplies<>()));
      const int64_t all = OnnxTensor::count(result.shape);
      result.shape.clear();
      for (const double extent : shape) {
        result.shape.push_back(extent < 0 ? all / known : static_cast<int64_t>(extent));
      }
      return result;
    }
    if (op == "Flatten" && node.whole.at("axis") == std::vector<int64_t>{1}) {
      const int64_t images = result.axis(0);
      result.shape = {images, OnnxTensor::count(result.shape) / images};
      return result;
    }
    if (op == "Unsqueeze") {
      for (const double axis : in(node, 1).values) {
        result.shape.insert(result.shape.begin() + static_cast<int64_t>(axis), 1);
      }
      return result;
    }
    throw std::runtime_error("an operator that Podium does not use: " + op);
  }

  // Of equal shapes, or with one value per entry of the last axis.
  template <typename Function>
  OnnxTensor pairwise(const OnnxNodeRead& node, Function function) const {
    OnnxTensor result = in(node, 0);
    const OnnxTensor& other = in(node, 1);
    const bool per_entry = other.shape.size() == 1 && other.axis(0) == result.shape.back();
    if (other.shape != result.shape && !per_entry) throw std::runtime_error("shapes do not fit");
    for (size_t i = 0; i < result.values.size(); ++i) {
      result.values[i] = function(result.values[i], other.values[i % other.values.size()]);
    }
    return result;
  }

  // A Slice that takes all of one axis backwards.
  OnnxTensor reversed(const OnnxNodeRead& node) const {
    OnnxTensor result = in(node, 0);
    const double all = -0x1p63;
    if (in(node, 1).values != std::vector<double>{-1} ||
        in(node, 2).values != std::vector<double>{all} ||
        in(node, 4).values != std::vector<double>{-1}) {
      throw std::runtime_error("a Slice of another kind");
    }
    const auto axis = static_cast<size_t>(in(node, 3).values.at(0));
    int64_t inner = 1;
    for (size_t i = axis + 1; i < result.shape.size(); ++i) inner *= result.axis(i);
    const int64_t run = inner * result.axis(axis);
    for (auto start = result.values.begin(); start != result.values.end(); start += run) {
      std::reverse(start, start + run);
      for (auto each = start; each != start + run; each += inner) std::reverse(each, each + inner);
    }
    return result;
  }

  OnnxTensor stacked(const OnnxNodeRead& node) const {
    if (node.whole.at("axis") != std::vector<int64_t>{0}) throw std::runtime_error("axis");
    OnnxTensor result = in(node, 0);
    result.shape[0] += in(node, 1).axis(0);
    const auto& more = in(node, 1).values;
    result.values.insert(result.values.end(), more.begin(), more.end());
    return result;
  }

  OnnxTensor mean_of_first(const OnnxNodeRead& node) const {
    if (node.whole.at("axes") != std::vector<int64_t>{0} ||
        node.whole.at("keepdims") != std::vector<int64_t>{0}) {
      throw std::runtime_error("a ReduceMean of another kind");
    }
    const OnnxTensor& all = in(node, 0);
    OnnxTensor result{{all.shape.begin() + 1, all.shape.end()}, {}};
    result.values.resize(static_cast<size_t>(OnnxTensor::count(result.shape)));
    for (size_t i = 0; i < all.values.size(); ++i) {
      result.values[i % result.values.size()] += all.values[i] / static_cast<double>(all.axis(0));
    }
    return result;
  }

  static OnnxTensor relu(OnnxTensor tensor) {
    for (double& value : tensor.values) value = std::max(value, 0.0);
    return tensor;
  }

  static OnnxTensor transpose(const OnnxTensor& from, const std::vector<int64_t>& order) {
    OnnxTensor to{{}, std::vector<double>(from.values.size())};
    for (const int64_t axis : order) to.shape.push_back(from.axis(static_cast<size_t>(axis)));
    for (size_t i = 0; i < from.values.size(); ++i) {
      std::vector<int64_t> place(from.shape.size());
      auto rest = static_cast<int64_t>(i);
      for (size_t axis = from.shape.size(); axis-- > 0; rest /= from.axis(axis)) {
        place[axis] = rest % from.axis(axis);
      }
      int64_t target = 0;
      for (size_t axis = 0; axis < order.size(); ++axis) {
        target = target * to.axis(axis) + place[static_cast<size_t>(order[axis])];
      }
      to.values[static_cast<size_t>(target)] = from.values[i];
    }
    return to;
  }

  // One value of an [N,C,H,W] tensor.
  static double at(const OnnxTensor& t, int64_t n, int64_t c, int64_t h, int64_t w) {
    return t.values[static_cast<size_t>(((n * t.axis(1) + c) * t.axis(2) + h) * t.axis(3) + w)];
  }

  // Calls visit(n, c, h, w) for every value of an [N,C,H,W] result, in order.
  static OnnxTensor each(const std::vector<int64_t>& shape,
                         const std::function<double(int64_t, int64_t, int64_t, int64_t)>& visit) {
    OnnxTensor result{shape, {}};
    for (int64_t n = 0; n < shape[0]; ++n)
      for (int64_t c = 0; c < shape[1]; ++c)
        for (int64_t h = 0; h < shape[2]; ++h)
          for (int64_t w = 0; w < shape[3]; ++w) result.values.push_back(visit(n, c, h, w));
    return result;
  }

  OnnxTensor convolution(const OnnxNodeRead& node) const {
    const OnnxTensor& x = in(node, 0);
    const OnnxTensor& weight = in(node, 1);
    const auto& pads = node.whole.at("pads");
    const auto& strides = node.whole.at("strides");
    const auto& kernel = node.whole.at("kernel_shape");
    const int64_t height = (x.axis(2) + pads[0] + pads[2] - kernel[0]) / strides[0] + 1;
    const int64_t width = (x.axis(3) + pads[1] + pads[3] - kernel[1]) / strides[1] + 1;
    return each({x.axis(0), weight.axis(0), height, width}, [&](int64_t n, int64_t c, int64_t h,
                                                                int64_t w) {
      double sum = node.inputs.size() > 2 ? in(node, 2).values[static_cast<size_t>(c)] : 0;
      for (int64_t i = 0; i < kernel[0]; ++i)
        for (int64_t j = 0; j < kernel[1]; ++j) {
          const int64_t row = h * strides[0] - pads[0] + i;
          const int64_t column = w * strides[1] - pads[1] + j;
          if (row < 0 || row >= x.axis(2) || column < 0 || column >= x.axis(3)) continue;
          for (int64_t k = 0; k < x.axis(1); ++k) {
            sum += at(x, n, k, row, column) * at(weight, c, k, i, j);
          }
        }
      return sum;
    });
  }

  OnnxTensor batch_norm(const OnnxNodeRead& node) const {
    OnnxTensor result = in(node, 0);
    const auto epsilon = static_cast<double>(node.real.at("epsilon"));
    const auto channels = static_cast<size_t>(result.axis(1));
    const size_t pixels = result.values.size() / static_cast<size_t>(result.axis(0)) / channels;
    for (size_t i = 0; i < result.values.size(); ++i) {
      const size_t c = i / pixels % channels;
      const double unit =
          (result.values[i] - in(node, 3).values[c]) / std::sqrt(in(node, 4).values[c] + epsilon);
      result.values[i] = unit * in(node, 1).values[c] + in(node, 2).values[c];
    }
    return result;
  }

  OnnxTensor pool(const OnnxNodeRead& node) const {
    const OnnxTensor& x = in(node, 0);
    const bool global = node.op.starts_with("Global");
    const bool largest = node.op.ends_with("MaxPool");
    const std::vector<int64_t> one = {1, 1};
    const std::vector<int64_t> whole = {x.axis(2), x.axis(3)};
    const auto& kernel = global ? whole : node.whole.at("kernel_shape");
    const auto& strides = global ? one : node.whole.at("strides");
    return each({x.axis(0), x.axis(1), (x.axis(2) - kernel[0]) / strides[0] + 1,
                 (x.axis(3) - kernel[1]) / strides[1] + 1},
                [&](int64_t n, int64_t c, int64_t h, int64_t w) {
                  double sum = 0;
                  double most = -INFINITY;
                  for (int64_t i = 0; i < kernel[0]; ++i)
                    for (int64_t j = 0; j < kernel[1]; ++j) {
                      const double value = at(x, n, c, h * strides[0] + i, w * strides[1] + j);
                      sum += value;
                      most = std::max(most, value);
                    }
                  return largest ? most : sum / static_cast<double>(kernel[0] * kernel[1]);
                });
  }

  OnnxTensor gemm(const OnnxNodeRead& node) const {
    if (node.whole.at("transB") != std::vector<int64_t>{1}) throw std::runtime_error("transB");
    const OnnxTensor& x = in(node, 0);
    const OnnxTensor& weight = in(node, 1);
    const int64_t features = x.axis(1);
    if (weight.axis(1) != features) throw std::runtime_error(node.name + ": features do not fit");
    OnnxTensor result{{x.axis(0), weight.axis(0)}, {}};
    for (int64_t n = 0; n < x.axis(0); ++n)
      for (int64_t o = 0; o < weight.axis(0); ++o) {
        const auto* row = x.values.data() + n * features;
        const auto* column = weight.values.data() + o * features;
        const double bias = node.inputs.size() > 2 ? in(node, 2).values[static_cast<size_t>(o)] : 0;
        result.values.push_back(std::inner_product(row, row + features, column, bias));
      }
    return result;
  }

  static OnnxTensor softmax(OnnxTensor tensor) {
    const int64_t classes = tensor.shape.back();
    for (auto row = tensor.values.begin(); row != tensor.values.end(); row += classes) {
      double sum = 0;
      for (auto value = row; value != row + classes; ++value) sum += * value = std::exp(*value);
      for (auto value = row; value != row + classes; ++value) *value /= sum;
    }
    return tensor;
  }

  const OnnxFile& file_;
  std::map<std::string, OnnxTensor> values_;
};

}  // namespace podium::nn::test
