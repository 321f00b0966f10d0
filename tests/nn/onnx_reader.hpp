// An ONNX file taken apart by a reader of its own, which shares nothing with the writer.
//
// It follows the wire format of Protocol Buffers and the field numbers of onnx.proto, and throws on
// anything that does not parse.
#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace podium::nn::test {

// The fields of one message: by number, the values in order. A varint or 32-bit value is kept as a
// number, a length-delimited one as its bytes.
struct Message {
  std::map<int, std::vector<uint64_t>> numbers;
  std::map<int, std::vector<std::string>> texts;

  explicit Message(std::string_view bytes) {
    while (!bytes.empty()) read_field(bytes);
  }

  std::string text(int field) const { return texts.contains(field) ? texts.at(field).front() : ""; }
  int64_t number(int field) const { return static_cast<int64_t>(numbers.at(field).front()); }
  const std::vector<std::string>& all(int field) const {
    static const std::vector<std::string> none;
    return texts.contains(field) ? texts.at(field) : none;
  }
  std::vector<int64_t> whole(int field) const {
    if (!numbers.contains(field)) return {};
    return {numbers.at(field).begin(), numbers.at(field).end()};
  }
  float real(int field) const {
    const auto bits = static_cast<uint32_t>(number(field));
    float value = 0;
    std::memcpy(&value, &bits, sizeof value);
    return value;
  }

 private:
  static std::string_view take(std::string_view& bytes, size_t count) {
    if (count > bytes.size()) throw std::runtime_error("a field runs over the end");
    const std::string_view taken = bytes.substr(0, count);
    bytes.remove_prefix(count);
    return taken;
  }

  static uint64_t take_varint(std::string_view& bytes) {
    uint64_t value = 0;
    for (int shift = 0; shift < 70; shift += 7) {
      const auto byte = static_cast<unsigned char>(take(bytes, 1).front());
      value |= static_cast<uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
    throw std::runtime_error("a varint without an end");
  }

  void read_field(std::string_view& bytes) {
    const uint64_t tag = take_varint(bytes);
    const int field = static_cast<int>(tag >> 3);
    switch (tag & 7) {
      case 0:
        numbers[field].push_back(take_varint(bytes));
        return;
      case 2:
        texts[field].emplace_back(take(bytes, take_varint(bytes)));
        return;
      case 5: {
        uint32_t bits = 0;
        std::memcpy(&bits, take(bytes, 4).data(), 4);
        numbers[field].push_back(bits);
        return;
      }
      default:
        throw std::runtime_error("an unknown wire type");
    }
  }
};

struct OnnxNodeRead {
  std::string name, op, output;
  std::vector<std::string> inputs;
  std::map<std::string, std::vector<int64_t>> whole;  // attributes of type INT and INTS
  std::map<std::string, float> real;                  // and FLOAT
};

struct OnnxTensorRead {
  int64_t type = 0;
  std::vector<int64_t> shape;
  std::string raw;
};

struct OnnxValueRead {
  std::string name;
  int64_t type = 0;
  std::vector<std::string> shape;  // axes as texts, "N" or "28"
};

struct OnnxFile {
  int64_t ir_version = 0;
  int64_t opset = 0;
  std::string producer, producer_version, graph;
  std::map<std::string, std::string> properties;
  std::vector<OnnxNodeRead> nodes;
  std::map<std::string, OnnxTensorRead> initializers;
  std::vector<OnnxValueRead> inputs, outputs;

  explicit OnnxFile(std::string_view bytes) {
    const Message model(bytes);
    ir_version = model.number(1);
    producer = model.text(2);
    producer_version = model.text(3);
    opset = Message(model.text(8)).number(2);
    for (const std::string& entry : model.all(14)) {
      const Message property(entry);
      properties[property.text(1)] = property.text(2);
    }
    read_graph(Message(model.text(7)));
  }

 private:
  void read_graph(const Message& message) {
    graph = message.text(2);
    for (const std::string& node : message.all(1)) nodes.push_back(read_node(Message(node)));
    for (const std::string& entry : message.all(5)) {
      const Message tensor(entry);
      initializers[tensor.text(8)] = {tensor.number(2), tensor.whole(1), tensor.text(9)};
    }
    for (const std::string& value : message.all(11)) inputs.push_back(read_value(Message(value)));
    for (const std::string& value : message.all(12)) outputs.push_back(read_value(Message(value)));
  }

  static OnnxNodeRead read_node(const Message& message) {
    if (message.all(2).size() != 1) throw std::runtime_error("a node has one output");
    OnnxNodeRead node{message.text(3), message.text(4), message.text(2), message.all(1), {}, {}};
    for (const std::string& entry : message.all(5)) {
      const Message attribute(entry);
      const std::string name = attribute.text(1);
      const int64_t type = attribute.number(20);
      if (type == 1) node.real[name] = attribute.real(2);
      if (type == 2) node.whole[name] = attribute.whole(3);
      if (type == 7) node.whole[name] = attribute.whole(8);
    }
    return node;
  }

  static OnnxValueRead read_value(const Message& message) {
    const Message tensor(Message(message.text(2)).text(1));
    OnnxValueRead value{message.text(1), tensor.number(1), {}};
    const Message shape(tensor.text(2));
    for (const std::string& entry : shape.all(1)) {
      const Message axis(entry);
      value.shape.push_back(axis.texts.contains(2) ? axis.text(2) : std::to_string(axis.number(1)));
    }
    return value;
  }
};

}  // namespace podium::nn::test
