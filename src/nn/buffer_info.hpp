// BufferInfo: where one named parameter or statistic lives inside a model's flat buffers.
//
// Weights are kept in their canonical order whatever layout a backend computes in: convolutions
// [out,in,height,width], dense layers [out,in] with `in` over the NHWC-flattened input. Gradients
// share the offsets of their parameters.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace podium::nn {

struct BufferInfo {
  std::string name;            // for instance "5.res.body.1.conv.weight"
  std::vector<int64_t> shape;  // canonical shape
  size_t offset = 0;           // in floats, into parameters(), or statistics() when `statistic`
  size_t count = 0;            // in floats
  bool statistic = false;      // a running mean or variance: not trained
  bool decay = false;          // weight decay applies: weights, but not biases, scales and shifts
};

// True for the shift of a batch norm, the only buffer of that name.
inline bool is_norm_shift(const BufferInfo& buffer) {
  return !buffer.statistic && buffer.name.ends_with(".shift");
}

// Where the parameters of each layer begin, ascending. "2.conv.weight" and "2.conv.bias" are of
// one.
inline std::vector<size_t> layer_starts(const std::vector<BufferInfo>& buffers) {
  std::vector<size_t> starts;
  std::string last;
  for (const BufferInfo& buffer : buffers) {
    if (buffer.statistic) continue;
    const std::string layer = buffer.name.substr(0, buffer.name.rfind('.'));
    if (layer != last) starts.push_back(buffer.offset);
    last = layer;
  }
  return starts;
}

}  // namespace podium::nn
