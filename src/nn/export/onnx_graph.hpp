// OnnxGraph: a model in the messages of ONNX (onnx.proto of ONNX 1.8: IR version 7, opset 13).
//
// It knows ONNX, but nothing of networks. Field numbers stand in onnx_graph.cpp. Names of tensors
// are unique within a graph; nodes must be added in an order in which every input is known before
// it is used. A value for one thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/protobuf.hpp"
#include "nn/export/model_view.hpp"

namespace podium::nn {

inline constexpr int kOnnxIrVersion = 7;
inline constexpr int kOnnxOpset = 13;

enum class OnnxType { float32 = 1, uint8 = 2, int64 = 7 };  // TensorProto.DataType

// A named axis, whose extent is free, or a number.
using OnnxAxis = std::variant<std::string, int64_t>;

struct OnnxAttribute {
  std::string name;
  std::variant<int64_t, float, std::vector<int64_t>> value;
};

struct OnnxNode {
  std::string name;
  std::string op;  // an operator of the default domain
  std::vector<std::string> inputs;
  std::string output;
  std::vector<OnnxAttribute> attributes = {};
};

class OnnxGraph {
 public:
  void add_input(const std::string& name, OnnxType type, const std::vector<OnnxAxis>& shape);
  void add_output(const std::string& name, OnnxType type, const std::vector<OnnxAxis>& shape);

  // Constants of the graph. Weights are viewed and must outlive the bytes; `constant`s are copied.
  void add_weights(const std::string& name, const std::vector<int64_t>& shape,
                   std::span<const float> values);
  void add_constant(const std::string& name, std::span<const float> values);    // [count]
  void add_constant(const std::string& name, std::span<const int64_t> values);  // [count]

  void add_node(const OnnxNode& node);

  // The file: a ModelProto called `name`, made by Podium `producer_version`.
  Pieces take_model(const std::string& name, const std::string& producer_version,
                    const Properties& properties) &&;

 private:
  ProtobufMessage nodes_;
  ProtobufMessage initializers_;
  ProtobufMessage inputs_;
  ProtobufMessage outputs_;
};

}  // namespace podium::nn
