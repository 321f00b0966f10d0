// NetworkPlan: an architecture laid out for one image shape, with every shape, buffer and cost
// known.
//
// Layers stand in the order they run forward; the backward pass runs them in reverse. Values are
// the activations between them. A residual is a fork, its body, its shortcut, and a sum, so that
// every value has one consumer. Immutable once made.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "nn/architecture.hpp"
#include "nn/buffer_info.hpp"
#include "nn/image_shape.hpp"

namespace podium::nn {

enum class LayerOp {
  convolution,
  dense,
  batch_norm,
  relu,
  max_pool,
  average_pool,
  dropout,
  fork,
  sum
};

inline constexpr int kNoValue = -1;

// Added to the variance by batch normalisation, as in PyTorch.
inline constexpr float kNormEpsilon = 1e-5F;

struct LayerPlan {
  LayerOp op = LayerOp::relu;
  std::string name;  // "2.conv", "5.res.shortcut.bn"
  ImageShape input;
  ImageShape output;
  int kernel_height = 0;
  int kernel_width = 0;
  int stride = 1;
  bool bias = false;    // convolution, dense
  bool relu = false;    // a ReLU follows and is computed with this layer
  double rate = 0;      // dropout
  uint64_t key = 0;     // distinguishes the masks of dropout layers
  int source = 0;       // value read
  int side = kNoValue;  // sum: second value read; fork: second value made
  int result = 0;       // value made
  size_t weights = 0;   // offsets into parameters; batch norm: scale, followed by shift
  size_t biases = 0;
  size_t statistics = 0;   // batch norm: running mean, followed by running variance
  int64_t parameters = 0;  // trained floats of this layer
  int64_t flops = 0;       // forward, per image; multiply-adds of weights count as two

  // What lowering.hpp adds; `side` is then also the value added before the ReLU.
  int pool = 0;                // batch norm: window and stride of a max pool behind it
  bool moments = false;        // convolution: sums for the batch norm behind it; batch norm: is
                               // given what a convolution may have summed
  bool norm = false;           // convolution, dense: a batch norm is folded into it
  size_t norm_weights = 0;     // its scale, followed by its shift
  size_t norm_statistics = 0;  // its running mean, followed by its running variance
  int input_block = 0;         // channels that lie together in its input; 0: all of them (NHWC)
  int output_block = 0;

  // Padding before the first row or column; the rest of kernel - 1 comes after the last.
  int padding_before(int kernel) const { return op == LayerOp::convolution ? (kernel - 1) / 2 : 0; }
  int padding_after(int kernel) const { return op == LayerOp::convolution ? kernel / 2 : 0; }
  // True when the backward pass overwrites its own output's gradient.
  bool masks_own_gradient() const;
  bool adds_side() const { return side != kNoValue && op != LayerOp::fork; }
};

struct ValuePlan {
  ImageShape shape;
  int storage = 0;       // the value whose memory it shares; itself when none
  int gradient = 0;      // the same for its gradient
  bool trained = false;  // depends on a parameter
  bool gradient_wanted = false;
};

struct NetworkPlan {
  std::vector<LayerPlan> layers;
  std::vector<ValuePlan> values;    // values[0] is the input
  std::vector<BufferInfo> buffers;  // parameters, then statistics
  size_t parameter_count = 0;
  size_t statistic_count = 0;
  int64_t flops = 0;
  int output = 0;  // the value that holds the logits
};

// Throws usage_error when a layer does not fit its input, or the network exceeds what this build
// supports (2^28 parameters, 2^28 activations per image).
NetworkPlan plan_network(const Architecture& architecture, ImageShape image, int classes);

// A table: layer, output [C,H,W], parameters, FLOPs, and the totals.
std::string summary_table(const NetworkPlan& plan);

}  // namespace podium::nn
