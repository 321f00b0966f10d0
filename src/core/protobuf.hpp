// ProtobufMessage: one message in the wire format of Protocol Buffers
// (protobuf.dev/programming-guides/encoding): fields one after another, each a tag (its number and
// wire type) and a value.
//
// Only what ONNX and TensorBoard need: varints, floats and doubles, and length-delimited texts,
// bytes and messages. Fields come out in the order they are put in. A value for one thread.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include "core/pieces.hpp"

namespace podium {

class ProtobufMessage {
 public:
  // int32, int64 and enum fields; negative numbers take ten bytes.
  void add_integer(int field, int64_t value);
  void add_float(int field, float value);
  void add_double(int field, double value);
  // string and bytes fields. A string must be UTF-8.
  void add_text(int field, std::string_view text);
  // A bytes field that holds `values` little-endian; they must outlive the bytes.
  void add_view(int field, std::span<const float> values);
  void add_message(int field, ProtobufMessage message);
  // The fields of `other` behind one's own.
  void append(ProtobufMessage other) { bytes_.add(std::move(other.bytes_)); }

  // The fields put in so far.
  const Pieces& bytes() const { return bytes_; }
  Pieces take() && { return std::move(bytes_); }

 private:
  void add_tag(int field, int wire_type);
  void add_length(int field, uint64_t bytes);

  Pieces bytes_;
};

}  // namespace podium
