#include "nn/export/onnx_graph.hpp"

#include "core/error.hpp"

namespace podium::nn {
namespace {

// Field numbers of onnx.proto, by message.
namespace model_field {
constexpr int ir_version = 1, producer_name = 2, producer_version = 3, graph = 7, opset_import = 8,
              metadata_props = 14;
}
namespace opset_field {
constexpr int domain = 1, version = 2;
}
namespace property_field {
constexpr int key = 1, value = 2;
}
namespace graph_field {
constexpr int node = 1, name = 2, initializer = 5, input = 11, output = 12;
}
namespace node_field {
constexpr int input = 1, output = 2, name = 3, op_type = 4, attribute = 5;
}
namespace attribute_field {
constexpr int name = 1, f = 2, i = 3, ints = 8, type = 20;
}
namespace tensor_field {
constexpr int dims = 1, data_type = 2, name = 8, raw_data = 9;
}
namespace value_field {
constexpr int name = 1, type = 2;
}
namespace type_field {
constexpr int tensor_type = 1, elem_type = 1, shape = 2;
}
namespace shape_field {
constexpr int dim = 1, dim_value = 1, dim_param = 2;
}

// AttributeProto.AttributeType
constexpr int kFloatAttribute = 1;
constexpr int kIntAttribute = 2;
constexpr int kIntsAttribute = 7;

constexpr uint64_t kLargestMessage = (uint64_t{1} << 31) - 1;  // that protobuf reads

ProtobufMessage attribute_message(const OnnxAttribute& attribute) {
  namespace field = attribute_field;
  ProtobufMessage message;
  message.add_text(field::name, attribute.name);
  int type = kIntsAttribute;
  if (const auto* real = std::get_if<float>(&attribute.value)) {
    message.add_float(field::f, *real);
    type = kFloatAttribute;
  } else if (const auto* whole = std::get_if<int64_t>(&attribute.value)) {
    message.add_integer(field::i, *whole);
    type = kIntAttribute;
  } else {
    for (const int64_t each : std::get<std::vector<int64_t>>(attribute.value)) {
      message.add_integer(field::ints, each);
    }
  }
  message.add_integer(field::type, type);
  return message;
}

ProtobufMessage shape_message(const std::vector<OnnxAxis>& shape) {
  ProtobufMessage message;
  for (const OnnxAxis& axis : shape) {
    ProtobufMessage dimension;
    if (const auto* name = std::get_if<std::string>(&axis)) {
      dimension.add_text(shape_field::dim_param, *name);
    } else {
      dimension.add_integer(shape_field::dim_value, std::get<int64_t>(axis));
    }
    message.add_message(shape_field::dim, std::move(dimension));
  }
  return message;
}

// ValueInfoProto: the name and type of an input or output.
ProtobufMessage value_message(const std::string& name, OnnxType type,
                              const std::vector<OnnxAxis>& shape) {
  ProtobufMessage tensor;
  tensor.add_integer(type_field::elem_type, static_cast<int>(type));
  tensor.add_message(type_field::shape, shape_message(shape));
  ProtobufMessage type_message;
  type_message.add_message(type_field::tensor_type, std::move(tensor));
  ProtobufMessage message;
  message.add_text(value_field::name, name);
  message.add_message(value_field::type, std::move(type_message));
  return message;
}

// A TensorProto without its values.
ProtobufMessage tensor_message(const std::string& name, OnnxType type,
                               const std::vector<int64_t>& shape) {
  ProtobufMessage message;
  for (const int64_t extent : shape) message.add_integer(tensor_field::dims, extent);
  message.add_integer(tensor_field::data_type, static_cast<int>(type));
  message.add_text(tensor_field::name, name);
  return message;
}

template <typename Value>
ProtobufMessage constant_message(const std::string& name, OnnxType type,
                                 std::span<const Value> values) {
  ProtobufMessage message = tensor_message(name, type, {static_cast<int64_t>(values.size())});
  const std::span<const std::byte> bytes = std::as_bytes(values);
  message.add_text(tensor_field::raw_data,
                   {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  return message;
}

}  // namespace

void OnnxGraph::add_input(const std::string& name, OnnxType type,
                          const std::vector<OnnxAxis>& shape) {
  inputs_.add_message(graph_field::input, value_message(name, type, shape));
}

void OnnxGraph::add_output(const std::string& name, OnnxType type,
                           const std::vector<OnnxAxis>& shape) {
  outputs_.add_message(graph_field::output, value_message(name, type, shape));
}

void OnnxGraph::add_weights(const std::string& name, const std::vector<int64_t>& shape,
                            std::span<const float> values) {
  ProtobufMessage message = tensor_message(name, OnnxType::float32, shape);
  message.add_view(tensor_field::raw_data, values);
  initializers_.add_message(graph_field::initializer, std::move(message));
}

void OnnxGraph::add_constant(const std::string& name, std::span<const float> values) {
  initializers_.add_message(graph_field::initializer,
                            constant_message(name, OnnxType::float32, values));
}

void OnnxGraph::add_constant(const std::string& name, std::span<const int64_t> values) {
  initializers_.add_message(graph_field::initializer,
                            constant_message(name, OnnxType::int64, values));
}

void OnnxGraph::add_node(const OnnxNode& node) {
  ProtobufMessage message;
  for (const std::string& input : node.inputs) message.add_text(node_field::input, input);
  message.add_text(node_field::output, node.output);
  message.add_text(node_field::name, node.name);
  message.add_text(node_field::op_type, node.op);
  for (const OnnxAttribute& attribute : node.attributes) {
    message.add_message(node_field::attribute, attribute_message(attribute));
  }
  nodes_.add_message(graph_field::node, std::move(message));
}

Pieces OnnxGraph::take_model(const std::string& name, const std::string& producer_version,
                             const Properties& properties) && {
  ProtobufMessage graph = std::move(nodes_);
  graph.add_text(graph_field::name, name);
  graph.append(std::move(initializers_));
  graph.append(std::move(inputs_));
  graph.append(std::move(outputs_));

  ProtobufMessage opset;
  opset.add_text(opset_field::domain, "");
  opset.add_integer(opset_field::version, kOnnxOpset);

  ProtobufMessage model;
  model.add_integer(model_field::ir_version, kOnnxIrVersion);
  model.add_text(model_field::producer_name, "podium");
  model.add_text(model_field::producer_version, producer_version);
  model.add_message(model_field::graph, std::move(graph));
  model.add_message(model_field::opset_import, std::move(opset));
  for (const auto& [key, value] : properties) {
    ProtobufMessage property;
    property.add_text(property_field::key, key);
    property.add_text(property_field::value, value);
    model.add_message(model_field::metadata_props, std::move(property));
  }
  // A plan's 2^28 parameters are half of that; protobuf could not read more.
  require(model.bytes().size() <= kLargestMessage, "an ONNX file has less than 2 GiB",
          name.c_str());
  return std::move(model).take();
}

}  // namespace podium::nn
